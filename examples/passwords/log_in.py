"""Logins from a script, without a framework: choose a password, log in, move over from bcrypt, be attacked.

python examples/passwords/log_in.py
"""

import asyncio

import bcrypt

from asgisec.credentials import LoginThrottle, PasswordHasher, PasswordPolicy
from asgisec.errors import RateLimitExceeded
from asgisec.stores import MemoryStore

hasher = PasswordHasher()
policy = PasswordPolicy()
throttle = LoginThrottle(MemoryStore())
users: dict[str, str] = {}


async def register(username: str, password: str) -> None:
    problems = await policy.check(password, context=[username])
    if problems:
        print(f"{username}: {problems[0].text}")
        return
    users[username] = await hasher.hash(password)
    print(f"{username}: registered")


async def log_in(username: str, password: str, client: str) -> bool:
    await throttle.check(username, client)
    result = await hasher.verify(password, users.get(username))
    if not result.ok:
        await throttle.failed(username, client)
        return False
    if result.new_hash:
        users[username] = result.new_hash
    await throttle.succeeded(username, client)
    return True


async def main() -> None:
    await register("ada", "1qaz2wsx3edc4rfv")
    await register("ada", "correct horse battery")
    print(f"ada logs in: {await log_in('ada', 'correct horse battery', '192.0.2.1')}")
    print(f"nobody logs in: {await log_in('nobody', 'correct horse battery', '192.0.2.1')}")

    users["bob"] = bcrypt.hashpw(b"an old password", bcrypt.gensalt(4)).decode()
    print(f"bob logs in, from bcrypt: {await log_in('bob', 'an old password', '192.0.2.2')}")
    print(f"bob's hash is now {users['bob'][:10]}")

    held_back = 0
    for number in range(120):
        try:
            await log_in("ada", f"guess {number}", f"198.51.100.{number}")
        except RateLimitExceeded:
            held_back += 1
    print(f"of 120 guesses from 120 addresses {held_back} were held back")
    print(f"ada logs in, during the attack: {await log_in('ada', 'correct horse battery', '192.0.2.1')}")


if __name__ == "__main__":
    asyncio.run(main())
