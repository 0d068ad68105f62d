"""What is counted, together and apart, and what comes of one request too many."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from asgisec import CORS, Exchange, Policy, RateLimit, Rule, SecurityMiddleware, by_api_key, by_client, by_principal
from asgisec.errors import ConfigError, OriginNotAllowed
from asgisec.policies.rate_limit.limiter import STRATEGIES
from asgisec.stores import MemoryStore, RedisStore
from tests import valkey
from tests.apps import no_message, opaque
from tests.asgi import answering, request, scope_of, websocket
from tests.policies.rate_limit.limited import Clock, Limited, left, limited

QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"


def statuses(made: Limited, count: int, **how: Any) -> list[int]:
    return [request(made.app, **how).status for _ in range(count)]


def test_one_request_too_many() -> None:
    made = limited("2/minute")
    assert statuses(made, 2) == [200, 200]
    refused = request(made.app)
    assert refused.status == 429
    assert refused.values("content-type") == ["application/problem+json"]
    assert refused.values("retry-after") == ["60"]
    assert json.loads(refused.body) == {
        "type": QUOTA_EXCEEDED,
        "title": "Too Many Requests",
        "status": 429,
        "detail": "Too many requests.",
        "violated-policies": ["2/minute"],
    }
    (event,) = made.events
    assert (event.name, event.reason, event.policy) == ("excess_rate_limit_exceeded", "rate_limit", "RateLimit")
    assert event.client == "192.0.2.7"


@pytest.mark.parametrize("strategy", ["fixed-window", "sliding-window-counter", "moving-window", "gcra"])
@pytest.mark.parametrize("spent_at", [0.0, 0.25, 12.5, 59.5])
def test_after_retry_after_the_next_one_may_come(strategy: str, spent_at: float) -> None:
    made = limited("3/minute", strategy=strategy)
    made.clock.now += spent_at
    assert statuses(made, 3) == [200, 200, 200]
    made.clock.now += 0.4
    wait = int(request(made.app).values("retry-after")[0])
    made.clock.now += wait - 1.01
    assert request(made.app).status == 429, "earlier than the limit it was still refused: no second too many"
    made.clock.now += 1.01
    assert request(made.app).status == 200


@pytest.mark.parametrize("strategy", ["fixed-window", "sliding-window-counter", "moving-window", "gcra"])
def test_a_refused_request_spends_nothing(strategy: str) -> None:
    made = limited("3/3 second", "6/minute", strategy=strategy)
    assert statuses(made, 5) == [200] * 3 + [429] * 2
    assert left(request(made.app)) == {"3/3 second": 0, "6/minute": 3}
    made.clock.now += 6
    assert statuses(made, 4) == [200] * 3 + [429]
    assert left(request(made.app)) == {"3/3 second": 0, "6/minute": 0}


def test_each_client_counts_for_itself() -> None:
    made = limited("1/minute")
    clients = ["192.0.2.7", "192.0.2.8", "2001:db8::1", "2001:db8:0:1::1"]
    assert [request(made.app, client=(client, 1)).status for client in clients * 2] == [200] * 4 + [429] * 4
    same = ["::ffff:192.0.2.7", "2001:db8::ffff", "2001:DB8:0:1:2:3:4:5"]
    assert [request(made.app, client=(client, 1)).status for client in same] == [429] * 3


def test_made_up_addresses_do_not_fill_the_memory() -> None:
    store = MemoryStore(clock=Clock(), max_entries=50)
    made = limited("1/minute", "5/hour", store=store)
    clients = [f"192.0.{n // 200}.{n % 200}" for n in range(600)]
    assert {request(made.app, client=(client, 1)).status for client in clients} == {200}
    assert len(store._counts) <= 50


@pytest.mark.parametrize("key", ["\ud800", "a\r\nb", "{}", "\x00", "a" * 100_000, ":" * 128])
@pytest.mark.parametrize("kept", ["memory", "redis"])
def test_whatever_a_key_is(key: str, kept: str, redis_url: str) -> None:
    async def run() -> list[int]:
        redis = RedisStore.from_url(redis_url, prefix=valkey.fresh_prefix(), timeout=10)
        policy = RateLimit("2/hour", key=lambda exchange: key, store=MemoryStore() if kept == "memory" else redis)
        app = SecurityMiddleware(answering(), policy)
        statuses: list[int] = []

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        for _ in range(3):
            await app(scope_of(), no_message, send)
        await redis.aclose()
        return statuses

    assert anyio.run(run) == [200, 200, 429]


@pytest.fixture(scope="module")
def redis_url() -> Any:
    with valkey.server() as url:
        yield url


def test_on_trio() -> None:
    made = limited("1/minute", max_concurrent=3, messages="1/minute")
    assert [request(made.app, backend="trio").status for _ in range(2)] == [200, 429]


def test_paths_and_methods_count_together() -> None:
    made = limited("2/minute")
    assert request(made.app, "GET", "/a").status == request(made.app, "POST", "/b").status == 200
    assert request(made.app, "PUT", "/c").status == 429


class SetsPrincipal(Policy):
    provides = ("principal",)

    def on_request(self, exchange: Exchange) -> None:
        who = exchange.header("x-who")
        if who is not None:
            scheme = "api_key" if who.startswith("key") else "bearer"
            exchange.state["principal"] = SimpleNamespace(subject="ada", scheme=scheme, credential_id=who)


@pytest.mark.parametrize(
    ("key", "callers", "expected"),
    [
        pytest.param(by_client, [None, "ada", "key-1"], [200, 429, 429], id="by client"),
        pytest.param(by_principal, [None, "ada", "key-1", "ada"], [200, 200, 429, 429], id="by principal"),
        pytest.param(by_api_key, [None, "key-1", "key-2", "key-1", "ada"], [200, 200, 200, 429, 429], id="by API key"),
        pytest.param(
            lambda exchange: exchange.header("x-who") or "nobody", [None, "a", "a"], [200, 200, 429], id="own"
        ),
        pytest.param(lambda exchange: 7, [None, "ada"], [200, 429], id="a number"),
    ],
)
def test_keys(key: Callable[[Exchange], Any], callers: list[str | None], expected: list[int]) -> None:
    app = SecurityMiddleware(answering(), SetsPrincipal(), RateLimit("1/minute", key=key))
    headers = [[("host", "testserver"), *([("x-who", who)] if who else [])] for who in callers]
    assert [request(app, headers=lines).status for lines in headers] == expected


@pytest.mark.parametrize("key", [by_principal, by_api_key])
def test_principals_are_known_behind_authentication_only(key: Callable[[Exchange], str]) -> None:
    policy = RateLimit("1/minute", key=key)
    with pytest.raises(ConfigError, match="list it behind SetsPrincipal, which finds out the principal that it needs"):
        SecurityMiddleware(answering(), policy, SetsPrincipal())
    SecurityMiddleware(answering(), RateLimit("1/minute"), SetsPrincipal(), policy)


def test_by_client_and_by_principal_in_one_store_do_not_count_for_each_other() -> None:
    store = MemoryStore(clock=Clock())
    both = [RateLimit("2/minute", store=store), SetsPrincipal(), RateLimit("2/minute", store=store, key=by_principal)]
    app = SecurityMiddleware(answering(), *both)
    answer = request(app)
    assert left(answer) == {"2/minute": 1, "principal 2/minute": 1}
    assert len(answer.values("ratelimit")) == len(answer.values("ratelimit-policy")) == 1


def by_tenant(exchange: Exchange) -> str:
    return exchange.header("x-tenant") or "nobody"


class ByUser:
    def __call__(self, exchange: Exchange) -> str:
        return exchange.header("x-user") or "nobody"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(by_tenant, ByUser(), id="a function and an object"),
        pytest.param(by_tenant, lambda exchange: exchange.header("x-user"), id="a function and a lambda"),
        pytest.param(
            lambda exchange: exchange.header("x-tenant"),
            lambda exchange: exchange.header("x-user"),
            id="two lambdas",
        ),
        pytest.param(by_client, lambda exchange: f"client:{exchange.header('x-user')}", id="a client and a lambda"),
    ],
)
@pytest.mark.parametrize("options", [{"limits": ["1/minute"]}, {"limits": [], "max_concurrent": 1}])
def test_two_keys_of_one_text_are_two(one: Any, other: Any, options: dict[str, Any]) -> None:
    limits, more = options["limits"], {name: value for name, value in options.items() if name != "limits"}
    store = MemoryStore(clock=Clock())
    both = [RateLimit(*limits, key=key, store=store, **more) for key in (one, other)]
    app = SecurityMiddleware(answering(), *both)
    named = [("host", "testserver"), ("x-tenant", "192.0.2.7"), ("x-user", "192.0.2.7")]
    assert request(app, headers=named).status == 200


def test_a_rule_adds_to_the_general_limits() -> None:
    made = limited("3/minute", rules=[Rule("/auth/token", methods={"POST"}, limits="1/minute")])
    token: dict[str, Any] = {"method": "POST", "path": "/auth/token"}
    answer = request(made.app, **token)
    assert left(answer) == {"3/minute": 2, "/auth/token 1/minute": 0}
    refused = request(made.app, **token)
    assert json.loads(refused.body)["violated-policies"] == ["/auth/token 1/minute"]
    assert statuses(made, 3) == [200, 200, 429]


def test_a_rule_in_place_of_the_general_limits() -> None:
    made = limited("1/minute", rules=[Rule("/bulk", limits="3/minute", override=True)])
    assert statuses(made, 4, path="/bulk") == [200, 200, 200, 429]
    assert statuses(made, 2) == [200, 429]
    assert left(request(made.app, path="/bulk")) == {"/bulk 3/minute": 0}


def test_rules_alone_limit_their_paths_alone() -> None:
    made = limited(rules=[Rule("/a", limits="1/minute")])
    assert statuses(made, 2, path="/a") == [200, 429]
    free = request(made.app, path="/b")
    assert (free.status, free.values("ratelimit"), free.values("ratelimit-policy")) == (200, [], [])


def test_paths_of_one_rule_share_a_count_and_rules_do_not() -> None:
    made = limited(
        rules=[
            Rule(("/a", "/b"), limits="1/minute"),
            Rule("/c", limits="1/minute", methods={"GET"}),
            Rule("/c", limits="1/minute", methods={"POST"}),
        ]
    )
    assert [request(made.app, path=path).status for path in ("/a", "/b", "/c")] == [200, 429, 200]
    assert [request(made.app, method, "/c").status for method in ("POST", "GET", "POST")] == [200, 429, 429]


def test_two_rules_of_one_name_are_told_apart() -> None:
    rules = [Rule("/a", limits="1/minute"), Rule("/*", limits="1/minute", name="/a")]
    made = limited(rules=rules)
    assert left(request(made.app, path="/a")) == {"/a 1/minute": 0, "/a 1/minute (2)": 0}


@pytest.mark.parametrize(
    "spelled", ["/auth/token/", "//auth/token", "/auth//token", "/auth/token\n", "http://h/auth/token"]
)
def test_a_spelling_counts_for_its_rule(spelled: str) -> None:
    made = limited(rules=[Rule("/auth/token", limits="1/minute")])
    assert [request(made.app, path=path).status for path in ("/auth/token", spelled)] == [200, 429]


def test_exemptions() -> None:
    made = limited("1/minute", exempt=["/health"])
    assert statuses(made, 3, path="/health") == [200] * 3
    assert statuses(made, 2, path="/health/") == [200, 429]
    made = limited("1/minute", exempt=lambda exchange: exchange.header("x-probe") == "yes")
    assert statuses(made, 3, headers=[("host", "testserver"), ("x-probe", "yes")]) == [200] * 3
    assert statuses(made, 2) == [200, 429]


def test_an_exempt_answer_tells_nothing() -> None:
    answer = request(limited("1/minute", exempt=["/health"], headers="both").app, path="/health")
    assert [name for name, _ in answer.headers if "ratelimit" in name] == []


@dataclass
class Header:
    """A function that has no hash, as dataclasses have none that may change."""

    name: str

    def __call__(self, exchange: Exchange) -> str:
        return exchange.header(self.name) or "1/minute"


def test_functions_without_a_hash() -> None:
    rules = [Rule("/", limits=Header("x-limit")), Rule("/", limits=Header("x-limit"), name="other")]
    made = limited(Header("x-limit"), Header("x-limit"), rules=rules, key=Header("x-key"))
    answers = [request(made.app, headers=[("host", "h"), ("x-key", key)]) for key in ("a", "b", "a")]
    assert [answer.status for answer in answers] == [200, 200, 429]
    # Of one function that stands there twice each request counts once.
    assert left(answers[0]) == {"1/minute": 0, "/ 1/minute": 0, "other 1/minute": 0}


def test_tiers() -> None:
    def by_plan(exchange: Exchange) -> object:
        return {"gold": ["3/minute", "9/hour"], "silver": "2/minute"}.get(exchange.header("x-plan") or "", "1/minute")

    made = limited(by_plan, key=lambda exchange: exchange.header("x-plan") or "none")
    for plan, allowed in (("gold", 3), ("silver", 2), ("tin", 1)):
        lines = [("host", "testserver"), ("x-plan", plan)]
        assert statuses(made, allowed + 1, headers=lines) == [200] * allowed + [429]
    assert left(request(made.app, headers=[("host", "testserver"), ("x-plan", "gold")])) == {"3/minute": 0, "9/hour": 6}


def test_tiers_of_a_rule_beside_fixed_limits() -> None:
    made = limited("9/minute", rules=[Rule("/a", limits=["5/minute", lambda exchange: "1/minute"])])
    assert left(request(made.app, path="/a")) == {"9/minute": 8, "/a 5/minute": 4, "/a 1/minute": 0}
    assert left(request(made.app, path="/b")) == {"9/minute": 7}


def test_costs() -> None:
    made = limited("10/minute", cost=4)
    assert statuses(made, 3) == [200, 200, 429]
    made = limited("10/minute", cost=lambda exchange: int(exchange.header("x-cost") or "0"))
    costs = [("8", 200), ("3", 429), ("2", 200), ("0", 200), ("1", 429), ("11", 429)]
    assert [request(made.app, headers=[("host", "h"), ("x-cost", cost)]).status for cost, _ in costs] == [
        status for _, status in costs
    ]


def test_only_what_a_request_is_over_is_named() -> None:
    made = limited("2/minute", "4/hour", cost=2)
    assert statuses(made, 1) == [200]
    refused = request(made.app)
    assert json.loads(refused.body)["violated-policies"] == ["2/minute"], "of the other just enough is left"


@pytest.mark.parametrize("cost", ["b", "f" * 400, "f" * 4000])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_cost_above_the_limit_is_refused_and_spends_nothing(strategy: str, cost: str) -> None:
    made = limited("10/minute", cost=lambda exchange: int(exchange.header("x-cost") or "1", 16), strategy=strategy)
    refused = request(made.app, headers=[("host", "testserver"), ("x-cost", cost)])
    assert refused.status == 429
    assert json.loads(refused.body)["violated-policies"] == ["10/minute"]
    assert int(refused.values("retry-after")[0]) >= 1
    assert left(request(made.app)) == {"10/minute": 9}


def raises(exchange: Exchange) -> Any:
    raise RuntimeError("a secret")


async def _text() -> str:
    return "1/minute"


@pytest.mark.parametrize(
    ("limits", "options", "reason"),
    [
        pytest.param(["1/minute"], {"key": raises}, "limit_key", id="a key that raises"),
        pytest.param(["1/minute"], {"key": lambda exchange: None}, "limit_key", id="no key"),
        pytest.param(["1/minute"], {"key": lambda exchange: ""}, "limit_key", id="an empty key"),
        pytest.param(["1/minute"], {"key": lambda exchange: exchange.scope["no"]}, "limit_key", id="a key not there"),
        pytest.param(["1/minute"], {"cost": raises}, "limit_cost", id="a cost that raises"),
        pytest.param(["1/minute"], {"cost": lambda exchange: -1}, "limit_cost", id="a negative cost"),
        pytest.param(["1/minute"], {"cost": lambda exchange: 1.5}, "limit_cost", id="a broken cost"),
        pytest.param(["1/minute"], {"cost": lambda exchange: True}, "limit_cost", id="a bool for a cost"),
        pytest.param(["1/minute"], {"cost": lambda exchange: None}, "limit_cost", id="no cost"),
        pytest.param([raises], {}, "limit_choice", id="limits that raise"),
        pytest.param([lambda exchange: None], {}, "limit_choice", id="no limits"),
        pytest.param([lambda exchange: []], {}, "limit_choice", id="an empty list"),
        pytest.param([lambda exchange: "often"], {}, "limit_choice", id="a word for a limit"),
        pytest.param([lambda exchange: "0/minute"], {}, "limit_choice", id="a limit of nothing"),
        pytest.param([lambda exchange: 7], {}, "limit_choice", id="a number for a limit"),
        pytest.param([lambda exchange: [["1/minute"]]], {}, "limit_choice", id="a list in a list"),
        pytest.param(["1/minute"], {"exempt": raises}, "limit_exempt", id="an exemption that raises"),
    ],
)
def test_a_function_that_fails_lets_nobody_pass(
    limits: list[Any], options: dict[str, Any], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    made = limited(*limits, **options)
    for answer in (request(made.app), websocket(made.app)):
        assert answer.status == 500
        assert json.loads(answer.body)["detail"] == "The server could not answer this request."
        assert b"secret" not in answer.body
    assert made.reasons == [reason, reason]
    assert {event.name for event in made.events} == {"sys_crash"}
    # Whoever wrote the function finds out what is wrong with it.
    assert [record.exc_info is not None for record in caplog.records if record.name == "asgisec.rate_limit"] == [
        True
    ] * 2
    assert {record.getMessage() for record in caplog.records if record.name == "asgisec.rate_limit"} == {
        f"a function that rate limits ask failed: {reason}"
    }


def test_an_exemption_that_says_something_else_exempts_nobody() -> None:
    made = limited("1/minute", exempt=lambda exchange: "yes")
    assert statuses(made, 2) == [200, 429]


def test_what_a_function_says_does_not_fill_the_memory() -> None:
    made = limited(lambda exchange: exchange.scope["path"][1:] + "/minute")
    policy: Any = made.app.policies[0]  # type: ignore[attr-defined]  # of a SecurityMiddleware
    for amount in range(1, 1200):
        assert request(made.app, path=f"/{amount * 1000}").status == 200
    assert policy._judge._compiled.cache_info().currsize == 1024


def test_limits_of_very_many_rules_are_compiled_once() -> None:
    made = limited("1000/minute", rules=[Rule(f"/{number}", limits="5/minute") for number in range(1100)])
    policy: Any = made.app.policies[0]  # type: ignore[attr-defined]  # of a SecurityMiddleware
    for _ in range(2):
        for number in range(1100):
            policy._judge._choose(SimpleNamespace(scope=scope_of(path=f"/{number}")))
    assert policy._judge._compiled.cache_info().misses == 1101  # with the general limits alone


PREFLIGHT = [("host", "testserver"), ("origin", "https://app.example.com"), ("access-control-request-method", "PUT")]


def test_preflights_count_apart() -> None:
    made = limited("2/minute")
    assert statuses(made, 3, method="OPTIONS", headers=PREFLIGHT) == [200, 200, 429]
    assert statuses(made, 1, method="OPTIONS", headers=PREFLIGHT, client=("192.0.2.8", 1)) == [200]
    assert statuses(made, 3) == [200, 200, 429]
    # An OPTIONS of its own is a request like any other.
    assert statuses(made, 1, method="OPTIONS") == statuses(made, 1, headers=PREFLIGHT) == [429]


def test_behind_cors_preflights_do_not_count() -> None:
    policies = CORS(allow_origins=["https://app.example.com"], allow_methods=["PUT"]), RateLimit("1/minute")
    app = SecurityMiddleware(answering(), *policies)
    assert [request(app, "OPTIONS", headers=PREFLIGHT).status for _ in range(3)] == [200] * 3
    assert request(app).status == 200


def test_handshakes_count() -> None:
    made = limited("2/minute")
    assert [websocket(made.app).status for _ in range(3)] == [101, 101, 429]
    assert request(made.app).status == 429
    closed = websocket(made.app, denial=False).close
    assert closed is not None
    assert (closed["code"], closed["reason"]) == (1008, "Too many requests.")
    assert made.reasons == ["rate_limit"] * 3


def test_handshakes_tell_where_the_client_stands() -> None:
    assert left(websocket(limited("2/minute").app)) == {"2/minute": 1}


def test_rehearsal() -> None:
    made = limited("1/minute", dry_run=True)
    answers = [request(made.app) for _ in range(3)]
    assert [answer.status for answer in answers] == [200] * 3
    assert made.reasons == ["rate_limit"] * 2
    assert all(event.rehearsed for event in made.events)
    assert [answer.values("ratelimit") for answer in answers] == [[]] * 3, "limits that do not hold slow nobody down"


def test_rehearsal_of_a_function_that_fails() -> None:
    made = limited("1/minute", key=raises, dry_run=True)
    assert request(made.app).status == 200
    assert made.reasons == ["limit_key"]


def test_a_refusal_by_someone_else_tells_where_the_client_stands() -> None:
    class Refuses(Policy):
        def on_request(self, exchange: Exchange) -> OriginNotAllowed:
            return OriginNotAllowed()

    app = SecurityMiddleware(answering(), RateLimit("2/minute"), Refuses())
    answer = request(app)
    assert (answer.status, left(answer)) == (403, {"2/minute": 1})


def test_equal_policies_count_once() -> None:
    store = MemoryStore(clock=Clock())
    outer, inner = (RateLimit("2/minute", rules=[Rule("/a", limits="1/minute")], store=store) for _ in range(2))
    assert outer == inner
    assert hash(outer) == hash(inner)
    app = SecurityMiddleware(opaque(SecurityMiddleware(answering(), inner)), outer)
    assert [request(app).status for _ in range(3)] == [200, 200, 429]
    assert outer != RateLimit("2/minute", store=MemoryStore())
    assert "RateLimit(limits=(2 per 1 minute,), rules=(Rule(path='/a'" in repr(outer)
