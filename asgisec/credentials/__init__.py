"""Credentials of people and of programs: API keys."""

from asgisec.credentials.api_keys import APIKeyRecord, APIKeys, CreatedAPIKey

__all__ = ["APIKeyRecord", "APIKeys", "CreatedAPIKey"]
