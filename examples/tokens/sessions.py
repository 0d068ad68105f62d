"""A login that lasts, from a script: issue, refresh, a copy that is used, revoke.

python examples/tokens/sessions.py
"""

import asyncio
import logging

from asgisec.errors import InvalidToken
from asgisec.stores import MemoryStore
from asgisec.tokens import KeySet, TokenIssuer


async def main() -> None:
    logging.disable(logging.CRITICAL)  # events of what follows; in an application they are what you want to see
    issuer = TokenIssuer(
        KeySet.generate("EdDSA"), issuer="https://api.example.com", audience="api", store=MemoryStore()
    )
    verifier = issuer.verifier()

    phone = await issuer.issue("ada", ["orders:read"], claims={"device": "phone"})
    laptop = await issuer.issue("ada", ["orders:read"], claims={"device": "laptop"})
    print(f"sessions: {len(await issuer.sessions('ada'))}")

    stolen = str(phone.refresh_token)
    phone = await issuer.refresh(stolen)
    phone = await issuer.refresh(str(phone.refresh_token))
    try:
        await issuer.refresh(stolen)
    except InvalidToken as refusal:
        print(f"the copy: {refusal.reason}")
    try:
        await verifier.authenticate(phone.access_token)
    except InvalidToken as refusal:
        print(f"the phone, too: {refusal.reason}")

    claims = await verifier.authenticate(laptop.access_token)
    print(f"the {claims['device']} goes on")
    await issuer.revoke_subject("ada")
    try:
        await verifier.authenticate(laptop.access_token)
    except InvalidToken as refusal:
        print(f"until all sessions end: {refusal.reason}")


if __name__ == "__main__":
    asyncio.run(main())
