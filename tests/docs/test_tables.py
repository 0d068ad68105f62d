"""The tables on the pages are what the code says: options, defaults, order, messages, matches, versions."""

import dataclasses
import inspect
import re
import time
import tomllib
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

import asgisec
from asgisec import (
    CORS,
    HSTS,
    Authentication,
    CrossOriginProtection,
    HTTPSOnly,
    RateLimit,
    RateLimiter,
    RateLimitGuard,
    RequestID,
    RequestLimits,
    Rule,
    SecurityHeaders,
    TrustedHosts,
    TrustedProxies,
    middleware,
    presets,
    secure,
)
from asgisec.policy import Exchange, Policy
from asgisec.presets import RECOMMENDED_ORDER
from asgisec.stores import LimitsStore
from tests.asgi import answering, request
from tests.docs import tables
from tests.docs.pages import ROOT, rows, section, text_of
from tests.docs.write import DOCS
from tests.test_imports import NAMES

if TYPE_CHECKING:
    from collections.abc import Callable

_REQUIRED = inspect.Parameter.empty

# The pages, and whose options their tables list.
_OPTIONS: dict[str, list[type[Any]]] = {
    "request-id.md": [RequestID],
    "trusted-hosts.md": [TrustedHosts],
    "authentication.md": [Authentication],
    "cors.md": [CORS],
    "security-headers.md": [SecurityHeaders, HSTS],
    "trusted-proxies.md": [TrustedProxies],
    "https-only.md": [HTTPSOnly],
    "cross-origin-protection.md": [CrossOriginProtection],
    "rate-limits.md": [RateLimit],
    "request-limits.md": [RequestLimits],
}


def defaults_of(policy: type[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in dataclasses.fields(policy):
        if field.init and field.default_factory is not dataclasses.MISSING:
            found[field.name] = field.default_factory()
        elif field.init:
            found[field.name] = _REQUIRED if field.default is dataclasses.MISSING else field.default
    return found


def value_of(cell: str) -> Any:
    return _REQUIRED if cell == "required" else eval(cell.strip("`"), {**tables.public(), "time": time})  # noqa: S307 - our own page


def options_on(page: str, heading: str = "Options") -> list[tuple[str, Any]]:
    return [(name.strip("`"), value_of(default)) for name, default, *_ in rows(section(DOCS / page, heading))]


@pytest.mark.parametrize("page", _OPTIONS)
def test_options_and_defaults(page: str) -> None:
    assert options_on(page) == [item for kind in _OPTIONS[page] for item in defaults_of(kind).items()]


def test_options_of_pages_headers() -> None:
    web = defaults_of(SecurityHeaders).keys()
    for name, default, value, _ in rows(section(DOCS / "security-headers.md", "Options"))[: len(web)]:
        shown = default if value == "the same" else value
        assert getattr(SecurityHeaders.web(), name.strip("`")) == value_of(shown), name


def test_options_of_secure() -> None:
    parameters = list(inspect.signature(secure).parameters.values())[1:]
    assert options_on("order.md", "What `secure` installs") == [(p.name, p.default) for p in parameters]


def test_options_of_rules() -> None:
    assert options_on("rate-limits.md", "Rules") == [*defaults_of(Rule).items()]


@pytest.mark.parametrize(("heading", "kind"), [("Options", RateLimiter), ("Any other storage", LimitsStore)])
def test_options_of_the_engine(heading: str, kind: Any) -> None:
    parameters = inspect.signature(kind).parameters.values()
    assert options_on("rate-limit-engine.md", heading) == [(p.name, p.default) for p in parameters]


def test_options_of_guards() -> None:
    parameters = inspect.signature(RateLimitGuard.__init__).parameters.values()
    assert options_on("rate-limits.md", "Guards") == [(p.name, p.default) for p in parameters if p.name != "self"]


def test_every_policy_has_a_page_with_the_same_sections() -> None:
    for policy, _ in RECOMMENDED_ORDER:
        page = DOCS / tables.page_of(policy)
        assert page.name in _OPTIONS
        for heading in ("Options", "What a refusal looks like", "When you deploy"):
            assert section(page, heading), f"{page.name}: {heading}"
        assert f"asgisec.middleware.{_class_of(policy)}(" in text_of(page)


def _class_of(policy: type[Policy]) -> str:
    shorter = {TrustedHosts: "TrustedHost", TrustedProxies: "TrustedProxy", CrossOriginProtection: "CrossOrigin"}
    name = f"{shorter.get(policy, policy.__name__)}Middleware"
    assert name in middleware.__all__
    return name


def test_the_order_is_the_recommended_order() -> None:
    assert rows(section(DOCS / "order.md", "The order of policies")) == tables.order()


def test_the_changes_that_tests_notice_are_those_of_the_last_run() -> None:
    assert rows(section(DOCS / "security-model.md", "Whether the tests notice")) == tables.mutants()


def test_messages() -> None:
    shown = rows(section(DOCS / "errors.md", "Wrong configuration"))
    assert shown == [tables.message(code) for code, _ in shown]


def test_refusals() -> None:
    assert rows(section(DOCS / "errors.md", "Refusals")) == tables.refusals()


def _codes(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


_MATCHES = [
    pytest.param(_codes(entry)[0], host, status, id=f"{_codes(entry)[0]} and {host}: {status}")
    for entry, matching, others in rows(section(DOCS / "trusted-hosts.md", "What is a match"))
    for status, cell in ((200, matching), (400, others))
    for host in _codes(cell)
]


@pytest.mark.parametrize(("entry", "host", "status"), _MATCHES)
def test_what_is_a_match(entry: str, host: str, status: int) -> None:
    app = middleware.TrustedHostMiddleware(answering(), [entry], www_redirect=False)
    assert request(app, headers=[("host", host)]).status == status


def _listed(heading: str) -> set[str]:
    return {_codes(name)[0].partition("(")[0] for name, *_ in rows(section(DOCS / "writing-a-policy.md", heading))}


def test_the_hooks() -> None:
    hooks = {name for name, value in vars(Policy).items() if inspect.isfunction(value)}
    assert _listed("The hooks") == hooks | {"response_headers", "closes", "needs", "provides"}


def test_the_exchange() -> None:
    of_the_pass = {"names", "outer", "receive", "refusal", "refused_by", "added", "sinks", "around"}
    of_the_pass |= {"subprotocol", "replace"}
    members = {*vars(Exchange), *Exchange.__annotations__, "scope", "headers", "memo"} - of_the_pass
    assert _listed("The exchange") == {name for name in members if not name.startswith("_")}


def test_versions_on_the_front_page() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    pythons = re.findall(r":: (3\.\d+)", "".join(project["project"]["classifiers"]))
    extras = project["project"]["optional-dependencies"]
    least: Callable[[list[str], str], str] = lambda listed, name: next(  # noqa: E731 - of this test alone
        item.partition(">=")[2] for item in listed if item.startswith(f"{name}>=")
    )
    assert rows(section(ROOT / "README.md", "Install")) == [
        ["Python", ", ".join(pythons)],
        ["Starlette", f"{least(project['project']['dependencies'], 'starlette')} or newer"],
        *[[name, f"{least(extras[name.lower()], name.lower())} or newer"] for name in ("FastAPI", "Litestar", "Quart")],
        ["Django", f"{least(project['dependency-groups']['test'], 'django')} or newer"],
    ]


@pytest.mark.parametrize(("name", "most"), [("README.md", 120), ("CONTRIBUTING.md", 150)])
def test_short_papers_stay_short(name: str, most: int) -> None:
    assert len((ROOT / name).read_text("utf-8").splitlines()) < most


def test_the_changelog_names_all_that_is_public() -> None:
    named = set(re.findall(r"`(asgisec\.[\w.]+)`", (ROOT / "CHANGELOG.md").read_text("utf-8")))
    # What stands in these two, and is for everybody, stands in `asgisec` as well.
    modules = {*NAMES, presets.__name__} - {"asgisec.events", "asgisec.policy"}
    public = {f"{module}.{name}" for module in modules for name in import_module(module).__all__}
    public -= {f"{presets.__name__}.{name}" for name in asgisec.__all__}
    assert named == public


def test_the_targets_of_make() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    listed = [_codes(command)[0] for command, _ in rows(section(ROOT / "CONTRIBUTING.md", "Set-up"))]
    assert listed == [f"make {target}" for target in re.findall(r"^([a-z-]+):", makefile, re.MULTILINE)]
