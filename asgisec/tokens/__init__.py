"""Tokens: keys, who issues, what was verified, and who verifies it."""

from asgisec.tokens.claims import Claims, TokenPair
from asgisec.tokens.issuer import TokenIssuer
from asgisec.tokens.keys import KeySet
from asgisec.tokens.remote import RemoteKeySet
from asgisec.tokens.sessions import Session, TokenInfo
from asgisec.tokens.verifier import TokenVerifier

__all__ = ["Claims", "KeySet", "RemoteKeySet", "Session", "TokenInfo", "TokenIssuer", "TokenPair", "TokenVerifier"]
