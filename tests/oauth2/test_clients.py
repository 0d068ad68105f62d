"""Which client is asking: RFC 6749 section 2.3, a row per way to say it, right and wrong."""

from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgisec.errors import SecurityError
from asgisec.oauth2._clients import Client, authenticated, called, proven
from asgisec.oauth2._errors import InvalidClient, InvalidRequest
from tests.asgi import Headers, scope_of


@dataclass
class Registered:
    subject: str
    secret: str = ""
    scopes: tuple[str, ...] = ()


CLIENTS = {"web": Registered("c-web", "s3cret"), "spa": Registered("c-spa")}


def clients(client_id: str, secret: str) -> Registered | None:
    found = CLIENTS.get(client_id)
    return found if found is not None and found.secret == secret else None


async def waiting_clients(client_id: str, secret: str) -> Registered | None:
    await anyio.lowlevel.checkpoint()
    return clients(client_id, secret)


def basic(text: str) -> tuple[str, str]:
    return ("authorization", f"Basic {b64encode(text.encode()).decode()}")


def ask(
    headers: Headers = (), form: dict[str, str] | None = None, *, known: bool = True, waits: bool = False
) -> Client | None:
    looked_up = (waiting_clients if waits else clients) if known else None
    return anyio.run(authenticated, scope_of(headers=headers), form or {}, looked_up)


WEB, SPA = Client("web", CLIENTS["web"], proven=True), Client("spa", CLIENTS["spa"], proven=False)


@pytest.mark.parametrize("waits", [False, True], ids=["plain", "coroutine"])
@pytest.mark.parametrize(
    ("headers", "form", "client"),
    [
        pytest.param([], {}, None, id="nobody"),
        pytest.param([("authorization", "Basic Og==")], {}, None, id="nobody, as Swagger UI says it"),
        pytest.param([("authorization", "Bearer over")], {}, None, id="nobody, and a token that was sent along"),
        pytest.param([("authorization", "bearer")], {}, None, id="nobody, and a token that the page had none of"),
        pytest.param([("authorization", "Bearer over")], {"client_id": "spa"}, SPA, id="public, and a token"),
        pytest.param(
            [("authorization", "Bearer over")],
            {"client_id": "web", "client_secret": "s3cret"},
            WEB,
            id="in the body, and a token",
        ),
        pytest.param([basic("web:s3cret")], {}, WEB, id="Basic"),
        pytest.param([basic("we%62:s3cre%74")], {}, WEB, id="Basic, escaped (section 2.3.1)"),
        pytest.param([basic("web:s3cret")], {"client_id": "web"}, WEB, id="Basic, and its id in the body"),
        pytest.param([], {"client_id": "web", "client_secret": "s3cret"}, WEB, id="in the body"),
        pytest.param([], {"client_id": "spa"}, SPA, id="public"),
        pytest.param([basic("spa:")], {}, SPA, id="public, by Basic"),
        pytest.param([("authorization", "Basic Og==")], {"client_id": "spa"}, SPA, id="Swagger UI, and a public one"),
        pytest.param(
            [("authorization", "Basic Og==")],
            {"client_id": "web", "client_secret": "s3cret"},
            WEB,
            id="Swagger UI, and a secret in the body",
        ),
    ],
)
def test_clients(headers: Headers, form: dict[str, str], client: Client | None, waits: bool) -> None:
    assert ask(headers, form, waits=waits) == client


@pytest.mark.parametrize(
    ("headers", "form", "kind", "reason", "challenged"),
    [
        pytest.param([basic("web:wrong")], {}, InvalidClient, "client_unknown", True, id="wrong secret"),
        pytest.param([basic("web:")], {}, InvalidClient, "client_unknown", True, id="no secret"),
        pytest.param([basic("other:s3cret")], {}, InvalidClient, "client_unknown", True, id="unknown"),
        pytest.param([basic("spa:x")], {}, InvalidClient, "client_unknown", True, id="a secret nobody gave it"),
        pytest.param([], {"client_id": "web"}, InvalidClient, "client_unknown", False, id="no secret, in the body"),
        pytest.param(
            [],
            {"client_id": "web", "client_secret": "x"},
            InvalidClient,
            "client_unknown",
            False,
            id="wrong, in the body",
        ),
        pytest.param([("authorization", "Digest x")], {}, InvalidClient, "client_method", True, id="Digest"),
        pytest.param([("authorization", "Bearerx y")], {}, InvalidClient, "client_method", True, id="nearly Bearer"),
        pytest.param(
            [("authorization", "Bearer x")],
            {"client_id": "web", "client_secret": "x"},
            InvalidClient,
            "client_unknown",
            False,
            id="wrong, in the body, beside a token",
        ),
        pytest.param(
            [("authorization", "Bearer x"), ("authorization", "Bearer x")],
            {},
            InvalidRequest,
            "header_repeated",
            False,
            id="two tokens",
        ),
        pytest.param([("authorization", "Basic !")], {}, InvalidClient, "client_method", True, id="malformed"),
        pytest.param([("authorization", "")], {}, InvalidClient, "client_method", True, id="empty"),
        pytest.param(
            [], {"client_assertion": "x", "client_id": "web"}, InvalidClient, "client_method", False, id="an assertion"
        ),
        pytest.param(
            [basic("web:s3cret")],
            {"client_secret": "s3cret"},
            InvalidRequest,
            "client_twice",
            False,
            id="two ways, one secret (section 2.3: must not)",
        ),
        pytest.param(
            [basic("web:s3cret")], {"client_id": "spa"}, InvalidRequest, "client_twice", False, id="two clients"
        ),
        pytest.param(
            [basic("spa:")],
            {"client_id": "web", "client_secret": "s3cret"},
            InvalidRequest,
            "client_twice",
            False,
            id="two clients, one public",
        ),
        pytest.param([], {"client_secret": "x"}, InvalidRequest, "client_without_id", False, id="no id"),
        pytest.param([basic(":x")], {}, InvalidRequest, "client_without_id", False, id="no id, by Basic"),
        pytest.param(
            [basic("web:s3cret"), basic("web:s3cret")], {}, InvalidRequest, "header_repeated", False, id="header twice"
        ),
        pytest.param(
            [basic("web:s3cret"), ("authorization", "Bearer x")],
            {},
            InvalidRequest,
            "header_repeated",
            False,
            id="two headers",
        ),
    ],
)
def test_no_clients(
    headers: Headers, form: dict[str, str], kind: type[SecurityError], reason: str, challenged: bool
) -> None:
    with pytest.raises(kind) as refusal:
        ask(headers, form)
    assert refusal.value.reason == reason
    challenge = {"WWW-Authenticate": 'Basic realm="oauth2", charset="UTF-8"'}
    assert refusal.value.headers == (challenge if challenged else None)


def test_where_no_clients_are_known_a_name_says_nothing_and_a_secret_is_refused() -> None:
    assert ask(form={"client_id": "web"}, known=False) is None
    assert ask([basic("web:")], known=False) is None
    for headers, form in [([basic("web:s3cret")], {}), ([], {"client_id": "web", "client_secret": "s3cret"})]:
        with pytest.raises(InvalidClient):
            ask(headers, form, known=False)


@pytest.mark.parametrize(
    ("headers", "client"),
    [([], None), ([basic("spa:")], SPA), ([], SPA), ([("authorization", "Basic Og==")], None)],
)
def test_who_has_to_prove_it(headers: Headers, client: Client | None) -> None:
    with pytest.raises(InvalidClient) as refusal:
        proven(scope_of(headers=headers), client)
    assert refusal.value.reason == "client_not_authenticated"
    assert bool(refusal.value.headers) is bool(headers)


def test_who_proved_it() -> None:
    assert proven(scope_of(), WEB) is WEB


def test_a_client_does_not_show_what_is_known_of_it() -> None:
    assert repr(WEB) == "Client(id='web', proven=True)"


@given(
    st.lists(st.binary(max_size=30).map(lambda value: (b"authorization", b"Basic " + b64encode(value))), max_size=2)
    | st.lists(st.tuples(st.just(b"authorization"), st.binary(max_size=20)), max_size=2),
    st.dictionaries(st.sampled_from(["client_id", "client_secret", "client_assertion", "x"]), st.text(max_size=9)),
)
def test_whatever_is_sent_nobody_becomes_a_client(headers: Headers, form: dict[str, str]) -> None:
    async def nobody() -> Client | None:
        return await authenticated(scope_of(headers=headers), form, lambda client_id, secret: None)

    with suppress(InvalidClient, InvalidRequest):
        assert drained(nobody()) is None


def drained(coroutine: object) -> object:
    """Run a coroutine that waits for nothing."""
    try:
        coroutine.send(None)  # type: ignore[attr-defined]
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it waits")


def test_what_is_called_may_wait_or_not() -> None:
    assert drained(called(7)) == 7

    async def run() -> Registered | None:
        return await called(waiting_clients("spa", ""))

    assert anyio.run(run) == CLIENTS["spa"]


@pytest.mark.parametrize("form", [{"client_id": "web", "client_secret": "wrong"}, {"client_id": "web"}])
def test_who_is_not_right_is_nobody_however_that_is_said(form: dict[str, str]) -> None:
    def right_and_known(client_id: str, secret: str) -> Any:
        return secret == CLIENTS["web"].secret and CLIENTS["web"]

    with pytest.raises(InvalidClient):
        anyio.run(authenticated, scope_of(), form, right_and_known)


@pytest.mark.parametrize("found", [True, 1, "web", object(), {"subject": "c-web", "scopes": ()}])
def test_what_says_no_more_than_yes_is_nobody(found: Any) -> None:
    with pytest.raises(TypeError, match=r"^clients= returns an object with subject and scopes, or None; not "):
        anyio.run(authenticated, scope_of(), {"client_id": "web", "client_secret": "x"}, lambda name, secret: found)
