"""passlib: hashes of passwords."""

import asyncio

import bcrypt
from passlib.context import CryptContext  # type: ignore[import-untyped]

from asgisec.credentials import PasswordHasher
from bench.compare.driving import standing
from bench.compare.room import Room
from bench.compare.row import Row, Seen

__all__ = ["ROWS"]

_PASSWORD = "correct horse"  # noqa: S105 - nobody's
_LOGINS = 6


async def their_bcrypt(room: Room) -> Seen:
    stored = bcrypt.hashpw(_PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    context = CryptContext(schemes=["bcrypt"])
    try:
        fits = context.verify(_PASSWORD, stored)
    except ValueError as error:
        return Seen(f"raises `{type(error).__name__}`: {str(error).partition(',')[0]}", right=False)
    return Seen("it fits" if fits else "it does not", fits)


async def our_bcrypt(room: Room) -> Seen:
    stored = bcrypt.hashpw(_PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    fits = (await PasswordHasher().verify(_PASSWORD, stored)).ok
    return Seen("it fits" if fits else "it does not", fits)


async def their_logins(room: Room) -> Seen:
    context = CryptContext(schemes=["argon2"])
    stored = context.hash(_PASSWORD)

    async def log_in() -> None:
        assert context.verify(_PASSWORD, stored)

    return await standing(lambda: asyncio.gather(*(log_in() for _ in range(_LOGINS))))


async def our_logins(room: Room) -> Seen:
    hasher = PasswordHasher()
    stored = await hasher.hash(_PASSWORD)

    async def log_in() -> None:
        assert (await hasher.verify(_PASSWORD, stored)).ok

    return await standing(lambda: asyncio.gather(*(log_in() for _ in range(_LOGINS))))


ROWS = (
    Row(
        "passlib-bcrypt",
        "a password, and its hash by bcrypt 5",
        "it fits",
        their_bcrypt,
        our_bcrypt,
        note="its last release is of 2020; an older bcrypt goes on",
        thread="pyca/bcrypt#1082",
    ),
    Row(
        "passlib-logins",
        f"{_LOGINS} users log in at once, in `async` handlers, hashes by Argon2id with the defaults",
        "the event loop goes on",
        their_logins,
        our_logins,
        note="it is synchronous; calling it in a thread is left to the application",
        long=True,
    ),
)
