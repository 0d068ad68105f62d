"""Access tokens from a script, without a framework: make keys, sign, verify, rotate, refuse.

python examples/tokens/verify.py
"""

import time

from asgisec.errors import InvalidToken
from asgisec.tokens import KeySet, TokenVerifier

ISSUER = "https://id.example.com"


def main() -> None:
    keys = KeySet.generate("EdDSA")
    verifier = TokenVerifier(keys, issuer=ISSUER, audience="api")
    now = time.time()
    claims = {"iss": ISSUER, "aud": "api", "sub": "ada", "iat": now, "exp": now + 900, "jti": "1", "scope": "read"}
    token = keys.sign(claims)
    print(f"good: {verifier.verify(token).subject}, {', '.join(verifier.verify(token).scopes)}")

    keys.rotate(overlap=3600)
    print(f"after a rotation, still good: {verifier.verify(token).subject}")

    for what, bad in {
        "changed": token[:-8] + "AAAAAAAA",
        "for others": keys.sign({**claims, "aud": "other"}),
        "expired": keys.sign({**claims, "exp": now - 1}),
    }.items():
        try:
            verifier.verify(bad)
        except InvalidToken as refusal:
            print(f"{what}: {refusal.reason}")


if __name__ == "__main__":
    main()
