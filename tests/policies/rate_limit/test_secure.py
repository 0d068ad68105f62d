"""Limits that `secure` installs: by client in front of authentication, by principal behind it."""

import json

import anyio

from asgisec import Rule, secure
from asgisec.auth import APIKeyAuth
from asgisec.credentials import APIKeys
from asgisec.policies.authentication import Authentication
from asgisec.stores import MemoryStore
from tests.asgi import App, Recorded, answering, request
from tests.policies.rate_limit.limited import left


def ask(app: App, key: str | None, client: str) -> Recorded:
    headers = [("host", "testserver"), *([("x-api-key", key)] if key else [])]
    return request(app, headers=headers, client=(client, 1))


def test_who_guesses_is_held_back_by_client_and_who_shares_a_key_by_principal() -> None:
    keys = APIKeys(MemoryStore())
    good = anyio.run(keys.create, "ada").key
    other = anyio.run(keys.create, "bob").key
    app = secure(answering(), hosts=["testserver"], auth=APIKeyAuth(keys), limits=["3/hour"], store=MemoryStore())
    guesses = [ask(app, "ask_wrong", "192.0.2.66").status for _ in range(4)]
    assert guesses == [401, 401, 401, 429]
    answers = [ask(app, good, f"192.0.2.{n}") for n in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert left(answers[0]) == {"3/hour": 2, "principal 3/hour": 2}
    assert json.loads(answers[3].body)["violated-policies"] == ["principal 3/hour"]
    # Another principal at an address that asked once before has its own count, and shares that of the address.
    assert left(ask(app, other, "192.0.2.1")) == {"3/hour": 1, "principal 3/hour": 2}


def test_who_is_nobody_counts_once() -> None:
    keys = APIKeys(MemoryStore())
    auth = Authentication(APIKeyAuth(keys), required=False)
    limits = ["2/hour", Rule("/", limits="9/hour")]
    app = secure(answering(), hosts=["testserver"], auth=auth, limits=limits, store=MemoryStore())
    answers = [ask(app, None, "192.0.2.7") for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert left(answers[0]) == {"2/hour": 1, "/ 9/hour": 8}


def test_rules_hold_for_both() -> None:
    keys = APIKeys(MemoryStore())
    key = anyio.run(keys.create, "ada").key
    limits = ["9/hour", Rule("/", limits="2/hour")]
    app = secure(answering(), hosts=["testserver"], auth=APIKeyAuth(keys), limits=limits, store=MemoryStore())
    answers = [ask(app, key, f"192.0.2.{n}") for n in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert left(answers[0]) == {"9/hour": 8, "/ 2/hour": 1, "principal 9/hour": 8, "principal / 2/hour": 1}
    assert json.loads(answers[2].body)["violated-policies"] == ["principal / 2/hour"]
