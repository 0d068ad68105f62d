"""What policies see and make: answers, exchanges, exemptions."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from asgisec import Answer, Exchange, Policy, SecurityMiddleware
from asgisec._exempt import path_below_root
from asgisec.errors import BadRequest, ConfigError, SecurityError
from asgisec.policy import Exempt
from tests.asgi import answering, request, scope_of
from tests.made import TooMuch


def exchange_of(headers: dict[bytes, bytes] | None = None, **scope: Any) -> Exchange:
    async def receive() -> None: ...

    return Exchange(dict(scope_of(**scope)), headers or {}, receive)


def test_a_policy_that_defines_nothing_does_nothing() -> None:
    policy, exchange = Policy(), exchange_of()
    assert policy.on_request(exchange) is None
    assert policy.wrap_receive(exchange, exchange.receive) is exchange.receive
    assert policy.on_end(exchange, None) is None
    headers: list[tuple[bytes, bytes]] = []
    policy.on_response(exchange, headers)
    assert headers == []


@pytest.mark.parametrize(
    ("answer", "headers", "body"),
    [
        pytest.param(Answer(204), [(b"content-length", b"0")], b"", id="empty"),
        pytest.param(
            Answer(200, [(b"x-a", b"1")], b"abc"), [(b"x-a", b"1"), (b"content-length", b"3")], b"abc", id="whole"
        ),
        pytest.param(
            Answer.plain(400, "é"),
            [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"2")],
            "é".encode(),
            id="plain, its length in bytes",
        ),
    ],
)
def test_an_answer(answer: Answer, headers: list[Any], body: bytes) -> None:
    assert [*answer.headers] == headers
    assert answer.body == body
    assert answer.close_code == 1008


@pytest.mark.parametrize(
    ("error", "request_id", "document"),
    [
        pytest.param(
            SecurityError(),
            None,
            {"type": "about:blank", "title": "Forbidden", "status": 403, "detail": "This request is not allowed."},
            id="the class's own text, no id",
        ),
        pytest.param(
            BadRequest("No."),
            "id-1",
            {"type": "about:blank", "title": "Bad Request", "status": 400, "detail": "No.", "request_id": "id-1"},
            id="a text of its own, with the id",
        ),
        pytest.param(
            TooMuch(members={"limit": 3}),
            None,
            {
                "type": "about:blank",
                "title": "Content Too Large",
                "status": 413,
                "detail": "Too much was sent.",
                "limit": 3,
            },
            id="with members",
        ),
    ],
)
def test_a_problem_document(error: SecurityError, request_id: str | None, document: dict[str, Any]) -> None:
    answer = Answer.problem(error, request_id)
    assert json.loads(answer.body) == document
    assert answer.status == document["status"]
    assert (b"content-type", b"application/problem+json") in answer.headers


@pytest.mark.parametrize(
    ("status", "phrase"),
    [
        pytest.param(403, "Forbidden", id="an old name"),
        pytest.param(413, "Content Too Large", id="413, which Python 3.11 calls otherwise"),
        pytest.param(414, "URI Too Long", id="414, likewise"),
        pytest.param(416, "Range Not Satisfiable", id="416, likewise"),
        pytest.param(422, "Unprocessable Content", id="422, likewise"),
        pytest.param(499, "Bad Request", id="a status without a name"),
    ],
)
def test_titles_are_those_of_rfc_9110_on_every_python(status: int, phrase: str) -> None:
    kind = type("OfThisStatus", (SecurityError,), {"status": status})
    assert json.loads(Answer.problem(kind(), None).body)["title"] == phrase


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("x-a", "1\r\nset-cookie: a=1", id="a line break"),
        pytest.param("x-a", "1\n2", id="a bare LF"),
        pytest.param("x-a", "1\r2", id="a bare CR"),
        pytest.param("x-a", "\0", id="NUL"),
        pytest.param("x-a", "é", id="not ASCII"),
        pytest.param("x-a", "\u010d\u010a", id="what latin-1 has not"),
        pytest.param("x-a", " 1", id="space before"),
        pytest.param("x-a", "1\t", id="tab behind"),
        pytest.param("x-a", "", id="nothing"),
        pytest.param("x a", "1", id="a space in the name"),
        pytest.param("x-a:", "1", id="a colon in the name"),
        pytest.param("", "1", id="no name"),
        pytest.param("\u212a", "1", id="a name that lower() makes ASCII of"),
    ],
)
@pytest.mark.parametrize(
    "way",
    [
        pytest.param(lambda name, value: exchange_of().add_header(name, value), id="add_header"),
        pytest.param(lambda name, value: Answer.problem(SecurityError(headers={name: value}), None), id="a refusal's"),
    ],
)
def test_what_cannot_stand_in_a_header(name: str, value: str, way: Callable[[str, str], object]) -> None:
    with pytest.raises(ValueError, match="a header is a token"):
        way(name, value)


def test_an_added_header_is_kept_by_the_outermost_exchange() -> None:
    outer, inner = exchange_of(), exchange_of()
    inner.outer = outer
    inner.add_header("X-A", "1")
    inner.add_header("X-B", "2 3")
    assert outer.added == [(b"x-a", b"1"), (b"x-b", b"2 3")]
    assert inner.added is None


def test_what_an_exchange_says_of_its_request() -> None:
    headers = {b"host": b"testserver", b"x-latin": b"\xe9"}
    exchange = exchange_of(headers, path="/x")
    assert exchange.header("Host") == "testserver"
    assert exchange.header("x-latin") == "é"
    assert exchange.header("x-none") is None
    assert exchange.client == "192.0.2.7"
    assert exchange.request_id is None
    assert exchange.state is exchange.scope["state"]
    exchange.state["request_id"] = "id-1"
    assert exchange.request_id == "id-1"


@pytest.mark.parametrize("extra", [{"client": None}, {"client": []}], ids=["None", "an empty one"])
def test_a_client_that_the_server_does_not_know(extra: dict[str, Any]) -> None:
    assert exchange_of(**extra).client is None
    del (exchange := exchange_of()).scope["client"]
    assert exchange.client is None


def test_a_repr_shows_no_credential() -> None:
    exchange = exchange_of({b"authorization": b"Bearer secret"}, path="/a\r\nb", query_string=b"token=secret")
    assert repr(exchange) == "<Exchange http GET '/a\\r\\nb'>"


def test_what_an_outer_pass_remembers_is_recalled() -> None:
    outer, inner = exchange_of(), exchange_of()
    inner.outer = outer
    outer.memo["both"], inner.memo["both"], outer.memo["falsy"] = "outer", "inner", 0
    assert inner.recall("both") == "inner"
    assert inner.recall("falsy") == 0
    assert inner.recall("none") is None


@pytest.mark.parametrize(
    ("kind", "status", "taken"),
    [
        pytest.param("http", None, True, id="http, nothing sent"),
        pytest.param("http", 200, False, id="http, started"),
        pytest.param("websocket", None, True, id="websocket, nothing sent"),
        pytest.param("websocket", 101, True, id="websocket, accepted"),
        pytest.param("websocket", 403, False, id="websocket, answered by a response"),
    ],
)
def test_when_a_refusal_is_taken(kind: str, status: int | None, taken: bool) -> None:
    exchange, error = exchange_of(kind=kind), SecurityError()
    exchange.status = status
    assert exchange.refuse(error) is error
    assert (exchange.refusal is error) is taken
    later = SecurityError()
    assert exchange.refuse(later) is later
    assert exchange.refusal is not later


@pytest.mark.parametrize(
    ("exempt", "path", "root", "expected"),
    [
        pytest.param(["/health"], "/health", "", True, id="the path"),
        pytest.param(["/health"], "/health/", "", False, id="with a slash"),
        pytest.param(["/health"], "/Health", "", False, id="in another case"),
        pytest.param(["/health"], "/health/x", "", False, id="below it"),
        pytest.param(["/health"], "//health", "", False, id="with two slashes"),
        pytest.param(["/health"], "/x/../health", "", False, id="with dots"),
        pytest.param(["/health"], "/api/health", "/api", True, id="below the root"),
        pytest.param(["/health"], "/health", "/api", True, id="where the server took the root away"),
        pytest.param(["/health"], "/apihealth", "/api", False, id="behind a root that is no segment"),
        pytest.param(["/health"], "/api/health", "/api/", True, id="a root with a slash"),
        pytest.param(["/health"], "/api/health", "", False, id="another root"),
        pytest.param((), "/health", "", False, id="none"),
        pytest.param(lambda exchange: exchange.header("x-probe") == "1", "/any", "", True, id="a predicate"),
        pytest.param(lambda exchange: False, "/health", "", False, id="a predicate that says no"),
    ],
)
def test_exempt(exempt: Any, path: str, root: str, expected: bool) -> None:
    exchange = exchange_of({b"x-probe": b"1"}, path=path, root_path=root)
    assert Exempt("P(exempt=)", exempt)(exchange) is expected


@pytest.mark.parametrize(
    ("exempt", "expected"),
    [((), False), (["/a"], True), (lambda exchange: False, True)],
    ids=["nothing", "a path", "a predicate"],
)
def test_whether_anything_is_exempt(exempt: Any, expected: bool) -> None:
    assert bool(Exempt("P(exempt=)", exempt)) is expected


@pytest.mark.parametrize(
    ("exempt", "mend"),
    [
        pytest.param("/health", "write a list: ['/health']", id="a string"),
        pytest.param(["health"], "write an exact path such as '/health'", id="no slash"),
        pytest.param(["/health/*"], "write an exact path", id="a pattern"),
        pytest.param(["/health?x=1"], "write an exact path", id="a query"),
        pytest.param(["/health#x"], "write an exact path", id="a fragment"),
        pytest.param([""], "write an exact path", id="an empty one"),
        pytest.param([b"/health"], "write an exact path", id="bytes"),
        pytest.param([None], "write an exact path", id="None"),
    ],
)
def test_what_cannot_be_exempt(exempt: Any, mend: str) -> None:
    with pytest.raises(ConfigError, match=r"^P\(exempt=\) got ") as refused:
        Exempt("P(exempt=)", exempt)
    assert mend in str(refused.value)


def test_a_path_without_a_root() -> None:
    assert path_below_root({"path": "/x"}) == "/x"


@pytest.mark.parametrize("hook", ["on_request", "wrap_receive", "on_response", "on_end"])
def test_a_hook_of_a_subclass_of_a_subclass_runs(hook: str) -> None:
    log: list[str] = []

    def recorded(self: Policy, *given: Any) -> Any:
        log.append(hook)
        return given[1] if hook == "wrap_receive" else None

    child: Any = type("Child", (type("Parent", (Policy,), {hook: recorded}),), {})
    request(SecurityMiddleware(answering(), child()))
    assert log == [hook]
