"""What importing asgisec loads, which way its imports point, and which names are public."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import asgisec
from asgisec._extras import needs

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "asgisec"
FILES = sorted(PACKAGE.rglob("*.py"))

# From the bottom up. A module imports from its own layer and those below it.
LAYERS = (
    ("_durations", "_extras", "_ids", "_wire", "errors", "events"),
    ("_answer", "_connection", "_exempt", "_plan", "context", "policy", "stores.protocols"),
    ("auth.principal", "auth.scopes", "credentials", "inputs", "policies", "stores", "tokens"),
    ("_lifespan", "_response", "auth", "middleware", "oauth2", "policies.authentication", "stack"),
    ("integrations", "presets"),
)

# What is not in the standard library, and where it may be imported. Anything else anywhere is a mistake.
EXTERNAL = {
    "anyio": ("",),
    "argon2": ("credentials",),
    "bcrypt": ("credentials",),
    "cryptography": ("credentials", "tokens"),
    "email_validator": ("inputs.email_address",),
    "fastapi": ("integrations.fastapi",),
    "hiredis": ("stores.redis",),
    "jwt": ("tokens",),
    "limits": ("policies.rate_limit", "stores.limits", "stores.protocols"),
    "litestar": ("inputs.litestar", "integrations.litestar"),
    "nh3": ("inputs",),
    "pydantic": ("inputs", "integrations.fastapi"),
    "pydantic_core": ("inputs",),
    "quart": ("integrations.quart",),
    "redis": ("stores.redis",),
    "sqlalchemy": ("stores.sqlalchemy",),
    "starlette": ("integrations",),
    "starlette.datastructures": ("inputs.serving",),
    "starlette.exceptions": ("errors", "inputs.serving"),
    "starlette.requests": ("auth.guards", "policies.rate_limit.guard"),
    "starlette.responses": ("inputs.serving",),
    "starlette.types": ("inputs.serving",),
    "werkzeug": ("integrations.quart",),
    "zxcvbn": ("credentials.password_policy",),
}


def _name(file: Path) -> str:
    return ".".join(file.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").removesuffix(".")


def _imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            whole = node.module or ""
            # `from asgisec import stack` names a module by its last part.
            yield from (f"asgisec.{alias.name}" for alias in node.names) if whole == "asgisec" else (whole,)


def _within(module: str, prefix: str) -> bool:
    return not prefix or module == prefix or module.startswith(f"{prefix}.")


def _layer(module: str) -> int:
    # The longest prefix decides: `stores.protocols` lies below `stores`.
    found = [(len(prefix), level) for level, layer in enumerate(LAYERS) for prefix in layer if _within(module, prefix)]
    assert found, f"asgisec.{module} is in no layer"
    return max(found)[1]


@pytest.mark.parametrize("file", [file for file in FILES if _name(file)], ids=_name)
def test_imports_point_down(file: Path) -> None:
    own = [name.removeprefix("asgisec.") for name in _imported(file) if name.startswith("asgisec.")]
    assert [name for name in own if _layer(name) > _layer(_name(file))] == []


@pytest.mark.parametrize("file", FILES, ids=_name)
def test_what_is_imported_from_elsewhere(file: Path) -> None:
    for name in _imported(file):
        root = name.partition(".")[0]
        if root == "asgisec" or root in sys.stdlib_module_names:
            continue
        places = [*EXTERNAL.get(root, ()), *EXTERNAL.get(name, ())]
        assert any(_within(_name(file), place) for place in places), f"{name} has no place in {_name(file)}"


def test_an_arrow_that_points_up_is_found() -> None:
    assert _layer("policy") < _layer("stack") < _layer("presets")
    assert _layer("stores.protocols") < _layer("stores.redis")
    with pytest.raises(AssertionError, match=r"asgisec\.unheard_of is in no layer"):
        _layer("unheard_of")


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    """Return the modules that a fresh interpreter has loaded after importing all that is public in the core."""
    code = "import asgisec, asgisec.middleware, asgisec.errors, json, sys; print(json.dumps([*sys.modules]))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=ROOT, capture_output=True, check=True)  # noqa: S603 - our own
    return set(json.loads(done.stdout))


@pytest.mark.parametrize(
    "module",
    [
        "argon2",
        "bcrypt",
        "cryptography",
        "django",
        "fastapi",
        "hiredis",
        "httpx",
        "jwt",
        "limits",
        "litestar",
        "nh3",
        "pydantic",
        "quart",
        "redis",
        "sqlalchemy",
        "starlette.applications",
        "starlette.middleware",
        "starlette.requests",
        "starlette.responses",
        "starlette.routing",
        "structlog",
    ],
)
def test_importing_asgisec_does_not_load(module: str, loaded: set[str]) -> None:
    assert [name for name in loaded if _within(name, module)] == []


def test_what_importing_asgisec_loads(loaded: set[str]) -> None:
    assert {"asgisec.stack", "starlette.exceptions", "anyio"} <= loaded


def test_the_plain_callables_of_inputs_need_no_extra() -> None:
    calls = "i.Username('ada'); i.sanitize_html(''); i.PlainText('ü'); i.sort_key({'name'})"
    code = f"import sys, asgisec.inputs as i; {calls}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True, text=True)  # noqa: S603 - our own
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "nh3" in loaded
    extras = {"pydantic", "pydantic_core", "email_validator", "fastapi", "litestar", "msgspec", "sqlalchemy"}
    assert loaded.isdisjoint(extras)


@pytest.mark.parametrize(
    ("statement", "package", "mend"),
    [
        ("from asgisec.inputs import StrictModel", "pydantic", "install pydantic"),
        ("from asgisec.inputs.litestar import ValidatedTextPlugin", "litestar", "install asgisec[litestar]"),
        ("from asgisec.integrations.fastapi import SecurityGuard", "fastapi", "install asgisec[fastapi]"),
        ("from asgisec.integrations.litestar import guarded", "litestar", "install asgisec[litestar]"),
        ("from asgisec.integrations.quart import guarded", "quart", "install asgisec[quart]"),
        ("from asgisec.stores import RedisStore", "redis", "install asgisec[redis]"),
        ("from asgisec.stores import SQLStore", "sqlalchemy", "install asgisec[sqlalchemy]"),
    ],
)
def test_a_missing_extra_is_named(statement: str, package: str, mend: str) -> None:
    # A finder that finds nothing of the package: as where it is not installed.
    hide = f"""
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] == {package!r}:
            raise ModuleNotFoundError(f'No module named {{name!r}}', name=name)
sys.meta_path.insert(0, Hidden())
{statement}
"""
    done = subprocess.run([sys.executable, "-c", hide], cwd=ROOT, capture_output=True, check=False, text=True)  # noqa: S603 - our own
    last = done.stderr.splitlines()[-1]
    assert re.fullmatch(rf"ModuleNotFoundError: No module named '{package}[a-z.]*': {re.escape(mend)}", last)


@pytest.mark.parametrize("error", [ModuleNotFoundError("No module named 'x'", name="x"), ImportError("broken")])
def test_what_else_goes_wrong_in_an_import_stays_as_it_is(error: ImportError) -> None:
    said = str(error)
    with pytest.raises(type(error), match=f"^{said}$"), needs("redis", "install asgisec[redis]"):
        raise error


NAMES = {
    "asgisec": [
        "CORS",
        "CSP",
        "HSTS",
        "Answer",
        "Authentication",
        "CrossOriginProtection",
        "Exchange",
        "HTTPSOnly",
        "Policy",
        "RateLimit",
        "RateLimitGuard",
        "RateLimiter",
        "RequestID",
        "RequestIDFilter",
        "RequestLimits",
        "Rule",
        "SecurityEvent",
        "SecurityHeaders",
        "SecurityMiddleware",
        "TrustedHosts",
        "TrustedProxies",
        "add_request_id",
        "by_api_key",
        "by_client",
        "by_principal",
        "install",
        "request_id",
        "secure",
        "trace_id",
        "traceparent",
    ],
    "asgisec.auth": ["APIKeyAuth", "AnyOf", "Authenticator", "BearerAuth", "Guard", "Principal", "ScopePolicy"],
    "asgisec.errors": [
        "APIKeyChanged",
        "BadRequest",
        "ConfigError",
        "ContentTooLarge",
        "CrossOriginRequest",
        "HeadersTooLarge",
        "InsecureTransport",
        "InsufficientScope",
        "InvalidAPIKey",
        "InvalidScope",
        "InvalidToken",
        "KeysUnavailable",
        "LimitUndecided",
        "OriginNotAllowed",
        "Overloaded",
        "PathNotAllowed",
        "RateLimitExceeded",
        "RequestTimeout",
        "SecurityError",
        "StoreUnavailable",
        "URITooLong",
        "Unauthenticated",
        "UnsupportedMediaType",
    ],
    "asgisec.events": ["EventSink", "SecurityEvent", "emit"],
    "asgisec.inputs": [
        "Email",
        "FileApp",
        "HTMLPolicy",
        "PlainText",
        "SafeDirectory",
        "SafeHTML",
        "Slug",
        "StrictModel",
        "Username",
        "ValidatedText",
        "decode_hook",
        "encode_hook",
        "file_response",
        "is_validated_text",
        "like_escape",
        "sanitize_html",
        "schema_hook",
        "sort_key",
        "strip_html",
    ],
    "asgisec.inputs.litestar": ["ValidatedTextPlugin"],
    "asgisec.integrations.fastapi": ["DocsPages", "SecurityGuard", "auth_router", "docs_page", "install"],
    "asgisec.integrations.litestar": ["GuardPlugin", "guarded", "install", "principal_of"],
    "asgisec.integrations.quart": ["current_principal", "guarded", "install"],
    "asgisec.middleware": [
        "AuthenticationMiddleware",
        "CORSMiddleware",
        "CrossOriginMiddleware",
        "HTTPSOnlyMiddleware",
        "RateLimitMiddleware",
        "RequestIDMiddleware",
        "RequestLimitsMiddleware",
        "SecurityHeadersMiddleware",
        "TrustedHostMiddleware",
        "TrustedProxyMiddleware",
    ],
    "asgisec.oauth2": [
        "IntrospectionEndpoint",
        "JWKSEndpoint",
        "MetadataEndpoint",
        "ProtectedResourceMetadata",
        "RevocationEndpoint",
        "TokenEndpoint",
    ],
    "asgisec.policy": ["Answer", "Exchange", "Exempt", "Policy", "Verdict"],
    "asgisec.stores": ["LimitsStore", "MemoryStore", "RedisStore", "SQLStore", "open_store"],
    "asgisec.credentials": [
        "APIKeyRecord",
        "APIKeys",
        "CreatedAPIKey",
        "LoginThrottle",
        "PasswordHasher",
        "PasswordPolicy",
        "PasswordProblem",
        "VerifyResult",
    ],
    "asgisec.tokens": [
        "Claims",
        "KeySet",
        "RemoteKeySet",
        "Session",
        "TokenInfo",
        "TokenIssuer",
        "TokenPair",
        "TokenVerifier",
    ],
}


def _isort(name: str) -> tuple[int, str]:
    """Sort as Ruff's RUF022 does: constants, classes, the rest."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


@pytest.mark.parametrize("module", NAMES)
def test_public_names(module: str) -> None:
    public = import_module(module).__all__
    assert public == NAMES[module] == sorted(public, key=_isort)
    assert all(hasattr(import_module(module), name) for name in public)
    assert set(dir(import_module(module))) >= {*public, "__name__"}


def test_the_package_only_names_what_is_public() -> None:
    body = ast.parse((PACKAGE / "__init__.py").read_text()).body
    imports, names, later, loading, listing = body[1:-4], *body[-4:]
    assert {type(node) for node in imports} == {ast.ImportFrom, ast.If}
    assert [ast.unparse(node.targets[0]) for node in (names, later) if isinstance(node, ast.Assign)] == [
        "__all__",
        "_LATER",
    ]
    assert isinstance(loading, ast.If)
    assert [node.name for node in (*loading.body, listing) if isinstance(node, ast.FunctionDef)] == [
        "__getattr__",
        "__dir__",
    ]


def test_what_is_loaded_later_is_what_type_checkers_see() -> None:
    later, _ = [node for node in ast.parse((PACKAGE / "__init__.py").read_text()).body if isinstance(node, ast.If)]
    seen = {alias.name: node.module for node in later.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == asgisec._LATER
    for name, place in seen.items():
        assert getattr(asgisec, name) is getattr(import_module(str(place)), name)


def test_a_name_that_is_none() -> None:
    with pytest.raises(AttributeError, match="module 'asgisec' has no attribute 'nobody'"):
        _ = asgisec.nobody  # type: ignore[attr-defined]


LAZY = sorted(file for file in FILES if file.name == "__init__.py" and "__getattr__" in file.read_text())


@pytest.mark.parametrize("file", LAZY, ids=_name)
def test_a_misspelled_name_is_an_error_to_type_checkers_too(file: Path) -> None:
    # A `__getattr__` that they see would make any name an `object` to them.
    body = ast.parse(file.read_text()).body
    assert not [node for node in body if isinstance(node, ast.FunctionDef) and node.name == "__getattr__"]
    [hidden] = [node for node in body if isinstance(node, ast.If) and isinstance(node.test, ast.UnaryOp)]
    assert ast.unparse(hidden.test) == "not TYPE_CHECKING"


@pytest.mark.parametrize("file", LAZY, ids=_name)
def test_completion_offers_what_is_not_loaded_yet(file: Path) -> None:
    module = f"asgisec.{_name(file)}".removesuffix(".")
    code = f"import {module} as module; print(*set(module.__all__) - set(dir(module)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True, text=True)  # noqa: S603 - our own
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("file", FILES, ids=_name)
def test_nothing_derives_from_base_http_middleware(file: Path) -> None:
    names = {node.id for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Name)}
    assert "BaseHTTPMiddleware" not in names
    assert not any(name.startswith("starlette.middleware.base") for name in _imported(file))
