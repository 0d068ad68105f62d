"""Credentials of people and of programs: passwords, their policy and what slows down guessing; API keys."""

from asgisec.credentials.api_keys import APIKeyRecord, APIKeys, CreatedAPIKey
from asgisec.credentials.login_throttle import LoginThrottle
from asgisec.credentials.password_policy import PasswordPolicy, PasswordProblem
from asgisec.credentials.passwords import PasswordHasher, VerifyResult

__all__ = [
    "APIKeyRecord",
    "APIKeys",
    "CreatedAPIKey",
    "LoginThrottle",
    "PasswordHasher",
    "PasswordPolicy",
    "PasswordProblem",
    "VerifyResult",
]
