import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Literal

import pytest
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.test.utils import override_settings
from fastapi import APIRouter, FastAPI
from litestar.testing import TestClient as LitestarClient
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount
from starlette.testclient import TestClient

from asgisec import (
    CORS,
    Authentication,
    CrossOriginProtection,
    Exchange,
    HTTPSOnly,
    Policy,
    RateLimit,
    RequestID,
    RequestLimits,
    SecurityEvent,
    SecurityHeaders,
    SecurityMiddleware,
    TrustedHosts,
    TrustedProxies,
    install,
    secure,
)
from asgisec.errors import ConfigError
from asgisec.middleware import CORSMiddleware, RequestIDMiddleware
from asgisec.presets import RECOMMENDED_ORDER
from tests.asgi import answering, drive, request, scope_of, websocket
from tests.frameworks import FRAMEWORKS, make_fastapi, make_quart, make_starlette
from tests.servers.apps import django_app

HOSTS = ["testserver"]
ORIGIN = "https://app.example.com"
ORIGINS = [ORIGIN]

every_framework = pytest.mark.parametrize("name", FRAMEWORKS)
either = pytest.mark.parametrize("how", ["secure", "install"])


def secured(app: Any, how: str = "secure") -> Any:
    if how == "secure":
        return secure(app, hosts=HOSTS, origins=ORIGINS)
    return install(app, RequestID(), SecurityHeaders.api(), TrustedHosts(HOSTS), CORS(allow_origins=ORIGINS))


class TestTheSameObject:
    @either
    @every_framework
    def test_of_a_framework(self, name: str, how: str) -> None:
        app = FRAMEWORKS[name].make()
        attributes = set(dir(app))
        assert secured(app, how) is app
        assert isinstance(app, FRAMEWORKS[name].kind)
        assert attributes <= set(dir(app))

    @either
    def test_else_middleware(self, how: str) -> None:
        app = answering()
        wrapped = secured(app, how)
        assert isinstance(wrapped, SecurityMiddleware)
        assert wrapped.app is app

    @either
    @pytest.mark.parametrize("name", ["fastapi", "starlette"])
    def test_starlette_s_test_client_works(self, name: str, how: str) -> None:
        with TestClient(secured(FRAMEWORKS[name].make(), how)) as client:
            assert client.get("/ok").headers["x-request-id"]
            with client.websocket_connect("/ws") as socket:
                assert socket.receive_text() == "hello"

    @either
    def test_litestar_s_test_client_works(self, how: str) -> None:
        app = FRAMEWORKS["litestar"].make()
        install(app, RequestID()) if how == "install" else secure(app, hosts=["test.server.local"])
        with LitestarClient(app, base_url="http://test.server.local") as client:
            assert client.get("/ok").headers["x-request-id"]

    @either
    def test_quart_s_test_client_works(self, how: str) -> None:
        app = make_quart()
        install(app, RequestID()) if how == "install" else secure(app, hosts=["localhost"])

        async def ask() -> Any:
            async with app.test_app() as running:
                return await running.test_client().get("/ok")

        response = asyncio.run(ask())
        assert response.headers["x-request-id"]


def test_the_recommended_order() -> None:
    assert [kind for kind, _ in RECOMMENDED_ORDER] == [
        RequestID,
        TrustedProxies,
        SecurityHeaders,
        TrustedHosts,
        HTTPSOnly,
        CORS,
        CrossOriginProtection,
        RequestLimits,
        RateLimit,
        Authentication,
        RateLimit,
    ]
    assert all(reason for _, reason in RECOMMENDED_ORDER)


@pytest.mark.parametrize(
    ("options", "left_out"),
    [
        pytest.param(
            {"proxies": ["10.0.0.0/8"], "limits": ["9/minute"]}, {HTTPSOnly, Authentication}, id="all that it installs"
        ),
        pytest.param({}, {HTTPSOnly, TrustedProxies, Authentication, RateLimit}, id="no proxies, no limits"),
        pytest.param(
            {"headers": None},
            {HTTPSOnly, TrustedProxies, SecurityHeaders, Authentication, RateLimit},
            id="no headers",
        ),
    ],
)
def test_secure_runs_the_recommended_policies_in_that_order(options: Any, left_out: set[type[Policy]]) -> None:
    wrapped: Any = secure(answering(), hosts=HOSTS, origins=ORIGINS, **options)
    expected = [kind for kind in dict(RECOMMENDED_ORDER) if kind not in left_out]
    assert [type(policy) for policy in wrapped.policies] == expected


@pytest.mark.parametrize("environment", ["production", "development"])
@pytest.mark.parametrize(
    ("path", "host", "status"),
    [
        pytest.param("/health", "10.0.0.7", 200, id="a probe by address"),
        pytest.param("/orders", "10.0.0.7", 400, id="attack: another path by address"),
        pytest.param("/orders", "testserver", 200, id="a host that is served"),
    ],
)
def test_hosts_of_your_own_for_probes(environment: Any, path: str, host: str, status: int) -> None:
    hosts = TrustedHosts(HOSTS, exempt=["/health"])
    app = secure(answering(), hosts=hosts, environment=environment)
    assert request(app, path=path, headers=[("host", host)]).status == status


@pytest.mark.parametrize(("size", "status"), [pytest.param(10, 200, id="at most"), pytest.param(11, 413, id="more")])
def test_request_limits_of_your_own(size: int, status: int) -> None:
    app = secure(answering(), hosts=HOSTS, request_limits=RequestLimits(max_body_size=10))
    headers = [("host", "testserver"), ("content-length", str(size))]
    assert request(app, "POST", headers=headers).status == status


def test_a_policy_of_your_own_for_proxies_that_set_forwarded() -> None:
    events: list[SecurityEvent] = []
    proxies = TrustedProxies(["10.0.0.0/8"], header="forwarded")
    app = secure(answering(), hosts=HOSTS, proxies=proxies, on_event=events.append)
    headers = [("host", "evil.example"), ("forwarded", "for=127.0.0.1, for=192.0.2.7")]
    assert request(app, headers=headers, client=("10.0.0.1", 4711)).status == 400
    assert [event.client for event in events] == ["192.0.2.7"]


def test_the_client_behind_a_proxy_is_the_one_that_events_name() -> None:
    events: list[SecurityEvent] = []
    app = secure(answering(), hosts=HOSTS, proxies=["10.0.0.0/8"], on_event=events.append)
    headers = [("host", "evil.example"), ("x-forwarded-for", "127.0.0.1, 192.0.2.7")]
    assert request(app, headers=headers, client=("10.0.0.1", 4711)).status == 400
    assert [(event.policy, event.client) for event in events] == [("TrustedHosts", "192.0.2.7")]


@pytest.mark.parametrize(
    ("environment", "origin", "status"),
    [
        pytest.param("production", ORIGIN, 200, id="an origin that is allowed"),
        pytest.param("production", "http://localhost:3000", 403, id="attack: a local origin in production"),
        pytest.param("development", "http://localhost:3000", 200, id="a local origin in development"),
        pytest.param("development", "http://localhost.evil.example", 403, id="attack: an origin that looks local"),
        pytest.param("development", "null", 403, id="attack: a sandboxed frame, in development"),
    ],
)
def test_whose_pages_may_change_something(environment: Any, origin: str, status: int) -> None:
    app = secure(answering(), hosts=HOSTS, origins=ORIGINS, environment=environment)
    headers = [("host", "testserver"), ("origin", origin), ("sec-fetch-site", "cross-site")]
    assert request(app, "POST", headers=headers).status == status


def test_headers_of_a_derived_class_are_sent() -> None:
    class Own(SecurityHeaders):
        pass

    app = secure(answering(), hosts=HOSTS, headers=Own(frame_options="SAMEORIGIN"))
    assert request(app).values("x-frame-options") == ["SAMEORIGIN"]


REFUSED = [
    pytest.param(
        {"environment": ["production"]}, "secure(environment=) got ['production']: ", id="environment, a list"
    ),
    pytest.param({"environment": "prod"}, "secure(environment=) got 'prod': write 'production' or", id="environment"),
    pytest.param({"proxies": ["*"]}, "TrustedProxies(trusted=) got '*': write an address", id="every proxy"),
    pytest.param({"on_event": 5}, "SecurityMiddleware(on_event=) got 5: write a callable", id="nothing to call"),
    pytest.param({"headers": "DENY"}, "secure(headers=) got 'DENY': write SecurityHeaders.api()", id="headers"),
    pytest.param({"headers": RequestID()}, "secure(headers=) got RequestID(", id="another policy for headers"),
    pytest.param({"request_limits": None}, "secure(request_limits=) got None: write RequestLimits(", id="no limits"),
    pytest.param({"request_limits": 10}, "secure(request_limits=) got 10: write RequestLimits(", id="a number"),
    pytest.param({"hosts": "testserver"}, "TrustedHosts(allowed_hosts=) got 'testserver': write a list", id="host"),
    pytest.param({"hosts": []}, "TrustedHosts(allowed_hosts=) got []: name the hosts", id="no hosts"),
    pytest.param({"hosts": None}, "TrustedHosts(allowed_hosts=) got None: write a list", id="hosts left None"),
    pytest.param({"origins": ORIGIN}, f"CORS(allow_origins=) got '{ORIGIN}': write a list", id="origin"),
    pytest.param({"origins": [ORIGIN + "/"]}, f"got '{ORIGIN}/': write '{ORIGIN}'", id="origin with a slash"),
]


@pytest.mark.parametrize("environment", ["production", "development"])
@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_a_wrong_option(options: dict[str, Any], message: str, environment: str) -> None:
    with pytest.raises(ConfigError) as raised:
        secure(answering(), **({"hosts": HOSTS, "environment": environment} | options))
    assert message in str(raised.value)


NOT_FOR_PRODUCTION = [
    pytest.param({"hosts": ["*"]}, "secure(hosts=)", "name the hosts you serve", id="any host"),
    pytest.param({"hosts": TrustedHosts(["*"])}, "secure(hosts=)", "name the hosts", id="any host, in a policy"),
    pytest.param({"hosts": ["testserver", "*"]}, "secure(hosts=)", "name the hosts", id="any host, besides one"),
    *(
        pytest.param({"origins": [origin]}, "secure(origins=)", mend, id=origin)
        for origin, mend in {
            "*": "name the origins",
            "http://app.example.com": "write 'https://app.example.com'",
            "http://app.example.com:8080": "write 'https://app.example.com:8080'",
            "https://localhost": "a local origin",
            "http://localhost:3000": "a local origin",
            "https://app.localhost": "a local origin",
            "https://127.0.0.1:8443": "a local origin",
            "http://127.0.0.1:5173": "a local origin",
            "https://127.1.2.3": "a local origin",
            "https://0.0.0.0": "a local origin",
            "https://[::1]": "a local origin",
            "http://[::1]:3000": "a local origin",
            "https://[::ffff:7f00:1]": "a local origin",
        }.items()
    ),
    pytest.param({"origins": [ORIGIN, "http://localhost"]}, "secure(origins=)", "a local", id="the second is local"),
]


@pytest.mark.parametrize(("options", "option", "mend"), NOT_FOR_PRODUCTION)
def test_what_must_not_go_to_production(options: dict[str, Any], option: str, mend: str) -> None:
    with pytest.raises(ConfigError) as raised:
        secure(answering(), **({"hosts": HOSTS} | options))
    assert raised.value.option == option
    assert mend in raised.value.mend
    secure(answering(), **({"hosts": HOSTS, "environment": "development"} | options))


@pytest.mark.parametrize("origin", ["https://mylocalhost", "https://localhost.example.com", "https://128.0.0.1"])
def test_an_origin_that_only_looks_local(origin: str) -> None:
    secure(answering(), hosts=HOSTS, origins=[origin])


class TestDevelopment:
    ENVIRONMENT: Literal["development"] = "development"

    @pytest.mark.parametrize("host", ["testserver", "localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000"])
    def test_local_hosts_are_served(self, host: str) -> None:
        app = secure(answering(), hosts=HOSTS, environment=self.ENVIRONMENT)
        assert request(app, headers=[("host", host)]).status == 200

    def test_other_hosts_are_not(self) -> None:
        app = secure(answering(), hosts=HOSTS, environment=self.ENVIRONMENT)
        assert request(app, headers=[("host", "evil.example")]).status == 400

    @pytest.mark.parametrize(
        ("origin", "allowed"),
        [
            ("http://localhost:3000", True),
            ("https://localhost", True),
            ("http://127.0.0.1:5173", True),
            ("http://[::1]:5173", True),
            ("http://localhost.evil.example", False),
            ("http://evil.example", False),
            ("http://localhost:3000.evil.example", False),
            ("null", False),
        ],
    )
    def test_local_origins_are_allowed(self, origin: str, allowed: bool) -> None:
        app = secure(answering(), hosts=HOSTS, environment=self.ENVIRONMENT)
        answer = request(app, headers=[("host", "testserver"), ("origin", origin)])
        assert answer.values("access-control-allow-origin") == ([origin] if allowed else [])

    @pytest.mark.parametrize(("environment", "sent"), [("production", 1), ("development", 0)])
    def test_transport_security(self, environment: Any, sent: int) -> None:
        app = secure(answering(), hosts=HOSTS, environment=environment)
        answer = request(app, scheme="https")
        assert len(answer.values("strict-transport-security")) == sent
        assert answer.values("x-frame-options") == ["DENY"]


@pytest.fixture
def _django() -> Iterator[None]:
    if not settings.configured:
        django_app()
    with override_settings(DEBUG=True):
        yield


class TestNoApplication:
    @pytest.mark.parametrize("wrong", [None, 5, "main:app", FastAPI, FastAPI().router.routes])
    def test_is_said_at_once(self, wrong: Any) -> None:
        mend = r"write an application: FastAPI\(\), or an ASGI callable"
        with pytest.raises(ConfigError, match=rf"secure\(app\) got .*: {mend}"):
            secure(wrong, hosts=HOSTS)
        with pytest.raises(ConfigError, match=rf"install\(app\) got .*: {mend}"):
            install(wrong, RequestID())

    def test_nor_is_that_a_store(self) -> None:
        with pytest.raises(ConfigError, match=r"secure\(store=\) got \(hidden\): write a store that counts"):
            secure(FastAPI(), hosts=HOSTS, store="memory://")


class TestDebugMode:
    @every_framework
    def test_is_refused_in_production(self, name: str) -> None:
        app = FRAMEWORKS[name].make(debug=True)
        with pytest.raises(ConfigError, match=rf"{FRAMEWORKS[name].kind.__name__}\(debug=\) got True: switch it off"):
            secure(app, hosts=HOSTS)
        assert secure(app, hosts=HOSTS, environment="development") is app

    @every_framework
    def test_is_nothing_that_install_minds(self, name: str) -> None:
        install(FRAMEWORKS[name].make(debug=True), RequestID())

    @pytest.mark.usefixtures("_django")
    def test_of_django_is_refused_in_production(self) -> None:
        with pytest.raises(ConfigError, match=r"ASGIHandler\(debug=\) got True: switch it off"):
            secure(ASGIHandler(), hosts=HOSTS)

    @pytest.mark.usefixtures("_django")
    def test_of_django_is_seen_behind_a_derived_handler(self) -> None:
        class Own(ASGIHandler):
            pass

        with pytest.raises(ConfigError, match=r"Own\(debug=\) got True"):
            secure(Own(), hosts=HOSTS)

    @every_framework
    def test_switched_on_later_stops_the_start(self, name: str) -> None:
        app = secure(FRAMEWORKS[name].make(), hosts=HOSTS)
        app.debug = True
        said = start(app)
        assert said["type"] == "lifespan.startup.failed"
        assert "(debug=) got True: switch it off" in said["message"]

    @pytest.mark.parametrize("place", ["mounted", "behind middleware", "secured", "two down", "in an included router"])
    def test_of_what_is_mounted_is_refused_too(self, place: str) -> None:
        inside = FastAPI(debug=True)
        app: Any = FastAPI()
        match place:
            case "mounted":
                app.mount("/inside", inside)
            case "behind middleware":
                app = Starlette(routes=[Mount("/inside", inside, middleware=[Middleware(GZipMiddleware)])])
            case "secured":
                app.mount("/inside", SecurityMiddleware(inside, RequestID()))
            case "two down":
                app.mount("/between", Starlette(routes=[Mount("/inside", inside)]))
            case _:
                router = APIRouter()
                router.mount("/inside", inside)
                app.include_router(router, prefix="/between")
        with pytest.raises(ConfigError, match=r"FastAPI\(debug=\) got True: switch it off"):
            secure(app, hosts=HOSTS)
        secure(app, hosts=HOSTS, environment="development")

    def test_of_what_is_mounted_later_stops_the_start(self) -> None:
        app = secure(FastAPI(), hosts=HOSTS)
        app.mount("/inside", FastAPI(debug=True))
        assert start(app)["type"] == "lifespan.startup.failed"

    def test_is_no_method_of_that_name(self) -> None:
        class Logged:
            app = None

            def debug(self, message: str) -> None: ...

            async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...

        app = FastAPI()
        app.mount("/inside", Logged())
        app.mount("/itself", app)
        secure(app, hosts=HOSTS)

    @every_framework
    def test_switched_off_lets_it_start(self, name: str) -> None:
        assert start(secure(FRAMEWORKS[name].make(), hosts=HOSTS))["type"] == "lifespan.startup.complete"

    @every_framework
    @pytest.mark.parametrize("kind", ["http", "websocket"])
    def test_switched_on_later_serves_nothing_without_a_start(self, name: str, kind: str) -> None:
        app = secure(FRAMEWORKS[name].make(), hosts=HOSTS)
        app.debug = True
        for _ in range(2):
            recorded = drive(app, scope_of(kind, path="/ok", headers=[("host", "testserver")], extensions={}))
            assert isinstance(recorded.error, ConfigError)
            assert b"ok" not in recorded.body
        app.debug = False
        if name in {"litestar", "quart"}:  # Starlette has its stack by now
            assert request(app, path="/ok").status == 200

    def test_switched_on_later_stops_uvicorn(self) -> None:
        # One interpreter for all: to import the frameworks takes longer than to start none of their applications.
        code = """
import sys, uvicorn
from asgisec import secure
from tests.frameworks import FRAMEWORKS

for name, framework in FRAMEWORKS.items():
    app = secure(framework.make(), hosts=["testserver"])
    app.debug = True
    try:
        uvicorn.run(app, port=0)
    except SystemExit as stopped:
        # In one piece: a thread of Litestar's writes its log there, too.
        sys.stderr.write(f"stopped {name} {stopped.code}\\n")
"""
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)  # noqa: S603 - this very interpreter
        *said, rest = re.split(r"^stopped (\w+) 3\n", done.stderr, flags=re.MULTILINE)
        assert said[1::2] == [*FRAMEWORKS]
        assert rest == ""
        for one in said[::2]:
            assert "(debug=) got True: switch it off" in one
            assert "Application startup failed. Exiting." in one


def start(app: Any) -> dict[str, Any]:
    """Ask an application to start; return what it says."""
    sent: list[dict[str, Any]] = []

    incoming = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    async def receive() -> dict[str, Any]:
        return next(incoming)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def run() -> None:
        with suppress(Exception):  # Litestar raises what it said, too
            await asyncio.wait_for(app({"type": "lifespan", "state": {}}, receive, send), 5)

    asyncio.run(run())
    return sent[0]


class TestInstall:
    def test_without_policies(self) -> None:
        with pytest.raises(ConfigError, match=r"install\(\*policies\) got \(\): name the policies"):
            install(answering())

    @every_framework
    def test_something_else_than_a_policy_is_refused_at_once(self, name: str) -> None:
        app = FRAMEWORKS[name].make()
        with pytest.raises(ConfigError, match="pass objects such as RequestID"):
            install(app, RequestID)  # type: ignore[arg-type]  # the mistake
        assert request(app, path="/ok").values("x-request-id") == []

    @pytest.mark.parametrize("name", ["fastapi", "starlette"])
    def test_after_the_first_request(self, name: str) -> None:
        app = FRAMEWORKS[name].make()
        assert request(app, path="/ok", patient=True).status == 200
        with pytest.raises(ConfigError, match=r"install\(app\) got .*: install before the application serves"):
            install(app, RequestID())
        assert request(app, path="/ok", patient=True).values("x-request-id") == []

    @pytest.mark.parametrize("name", ["litestar", "quart"])
    def test_after_the_first_request_where_it_can_be_done(self, name: str) -> None:
        app = FRAMEWORKS[name].make()
        request(app, path="/ok", patient=True)
        install(app, RequestID())
        assert len(request(app, path="/ok", patient=True).values("x-request-id")) == 1


class Counting(Policy):
    """Counts how often it runs; equal to every other of its kind."""

    def __init__(self) -> None:
        self.met = 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Counting)

    def __hash__(self) -> int:
        return 0

    def on_request(self, exchange: Exchange) -> None:
        self.met += 1


class TestTwice:
    @every_framework
    def test_secured_twice_is_secured_once(self, name: str) -> None:
        app = secured(secured(FRAMEWORKS[name].make()))
        answer = request(app, path="/ok", headers=[("host", "testserver"), ("origin", ORIGIN)], patient=True)
        names = [key for key, _ in answer.headers]
        assert answer.status == 200
        assert sorted(set(names)) == sorted(names)

    @every_framework
    def test_equal_policies_run_once(self, name: str) -> None:
        outer, inner = Counting(), Counting()
        app = install(install(FRAMEWORKS[name].make(), inner), outer)
        request(app, path="/ok", patient=True)
        assert (outer.met, inner.met) == (1, 0)

    @every_framework
    def test_refusals_are_handled_after_both(self, name: str) -> None:
        app = install(secured(FRAMEWORKS[name].make()), Counting())
        answer = request(app, path="/boom", patient=True)
        assert answer.status == 418
        assert json.loads(answer.body)["request_id"] == answer.values("x-request-id")[0]

    @pytest.mark.parametrize("make", [make_fastapi, make_starlette])
    def test_middleware_of_ours_in_the_stack(self, make: Any) -> None:
        app = make()
        app.add_middleware(RequestIDMiddleware)
        app.add_middleware(CORSMiddleware, allow_origins=[ORIGIN], allow_methods=["PUT"])
        secured(app)
        answer = request(app, path="/ok", headers=[("host", "testserver"), ("origin", ORIGIN)])
        names = [key for key, _ in answer.headers]
        assert sorted(set(names)) == sorted(names)
        assert answer.values("vary") == ["Origin"]

    @pytest.mark.parametrize("make", [make_fastapi, make_starlette])
    def test_mounted_secured_in_secured(self, make: Any) -> None:
        inner, outer = secured(make()), make()
        outer.mount("/inner", inner)
        secured(outer)
        for path, status in {"/inner/ok": 200, "/inner/boom": 418, "/inner/none": 404, "/ok": 200}.items():
            answer = request(outer, path=path, headers=[("host", "testserver"), ("origin", ORIGIN)], patient=True)
            names = [key for key, _ in answer.headers]
            assert answer.status == status
            assert sorted(set(names)) == sorted(names)
            assert len(answer.values("x-request-id")) == 1

    def test_a_stricter_one_mounted_inside_still_refuses(self) -> None:
        inner, outer = make_fastapi(), make_fastapi()
        secure(inner, hosts=["internal.example"])
        outer.mount("/inner", inner)
        secured(outer)
        assert request(outer, path="/ok").status == 200
        assert request(outer, path="/inner/ok").status == 400


def test_importing_the_presets_imports_no_framework() -> None:
    code = (
        "import sys, asgisec, asgisec.presets\n"
        "from asgisec import secure\n"
        "async def app(scope, receive, send): ...\n"
        "secure(app, hosts=['a.example'])\n"
        "found = {'fastapi', 'litestar', 'quart', 'django', 'starlette.applications'} & set(sys.modules)\n"
        "sys.exit(', '.join(sorted(found)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)  # noqa: S603 - this very interpreter
    assert (done.returncode, done.stderr) == (0, "")


def test_a_websocket_is_secured_around_a_bare_application() -> None:
    app = secured(answering())
    refused = websocket(app, headers=[("host", "testserver"), ("origin", "https://evil.example")])
    assert refused.status == 403
    assert websocket(app, headers=[("host", "testserver"), ("origin", ORIGIN)]).status == 101
