"""Tokens: keys, what was verified, and who verifies it."""

from asgisec.tokens.claims import Claims, TokenPair
from asgisec.tokens.keys import KeySet
from asgisec.tokens.remote import RemoteKeySet
from asgisec.tokens.verifier import TokenVerifier

__all__ = ["Claims", "KeySet", "RemoteKeySet", "TokenPair", "TokenVerifier"]
