"""What is mutated, and which tests have to notice.

Tests that start servers or draw hundreds of examples are left out: a mutant must be found by a row that says what is
wrong. What survives those is put to wider tests.
"""

from dataclasses import dataclass

__all__ = ["MUTATED", "PARTS", "SCRIPTS", "Part", "Script"]


@dataclass(frozen=True)
class Part:
    """Files and their tests.

    Args:
        files: What is mutated; patterns of paths.
        tests: What runs for every mutant.
        deselected: Words; tests with one of them in their name are left out.
        wider: What runs for mutants that these tests let live.
        wider_deselected: The same of those.
    """

    files: tuple[str, ...]
    tests: tuple[str, ...]
    deselected: tuple[str, ...]
    wider: tuple[str, ...]
    wider_deselected: tuple[str, ...]


@dataclass(frozen=True)
class Script:
    """The tests of a Lua script.

    Args:
        tests: What runs for every mutant, but for what runs in databases.
    """

    tests: tuple[str, ...]


MUTATED = {
    "stack": "the pass",
    "limits": "rate limits, in the process",
    "tokens": "tokens",
    "scripts": "scripts that run in Redis",
}

PARTS = {
    "stack": Part(
        files=("asgisec/stack.py", "asgisec/_plan.py"),
        tests=(
            "tests/test_stack.py",
            "tests/test_stack_cancellation.py",
            "tests/test_stack_exceptions.py",
            "tests/test_stack_headers.py",
            "tests/test_stack_hooks.py",
            "tests/test_stack_nested.py",
            "tests/test_stack_refusals.py",
            "tests/test_stack_websockets.py",
            "tests/test_lifespan.py",
            "tests/test_middleware.py",
            "tests/test_places.py",
            "tests/test_policy.py",
        ),
        deselected=(),
        wider=(
            "tests/test_events.py",
            "tests/test_fusing.py",
            "tests/test_presets.py",
            "tests/policies/test_authentication.py",
            "tests/policies/test_cors.py",
            "tests/policies/test_trusted_hosts.py",
        ),
        wider_deselected=(
            "TestDebugMode",
            "any_text",
            "finds_a_pass",
        ),
    ),
    "limits": Part(
        files=(
            "asgisec/policies/rate_limit/*.py",
            "asgisec/stores/memory/rate_limits.py",
            "asgisec/stores/memory/_strategies.py",
        ),
        tests=("tests/policies/rate_limit", "tests/stores/test_rate_limits.py"),
        # The dead servers of `faults` take their time; the rest draws many examples, or counts objects.
        deselected=(
            "valkey",
            "faults",
            "example",
            "spellings",
            "whatever",
            "assertions",
            "redis",
            "scripts",
            "short_and_expires",
            "a_server",
            "four_applications",
            "fill_the_memory",
            "frameworks",
            "two_guards",
        ),
        wider=(
            "tests/policies/rate_limit",
            "tests/stores/test_rate_limits.py",
            "tests/stores/test_rate_limits_model.py",
        ),
        wider_deselected=("valkey", "example", "faults", "fill_the_memory", "frameworks", "two_guards"),
    ),
    "tokens": Part(
        files=("asgisec/tokens/*.py",),
        tests=("tests/tokens",),
        deselected=(
            "valkey",
            "postgresql",
            "example",
            "races",
            "interop",
            "states",
        ),
        wider=("tests/tokens/test_interop.py", "tests/tokens/test_refresh_states.py", "tests/oauth2", "tests/auth"),
        wider_deselected=(
            "valkey",
            "postgresql",
            "example",
            "sockets",
        ),
    ),
}

_KEPT = ("tests/stores/test_redis_lifetimes.py", "tests/stores/test_redis_records.py")
_RATE_LIMITS = Script((*_KEPT, "tests/stores/test_rate_limits.py"))
_LOGINS = Script((*_KEPT, "tests/stores/test_logins.py", "tests/stores/test_logins_alike.py"))
_KEYS = Script(("tests/stores/test_api_key_store.py",))

SCRIPTS = {
    "change.lua": Script(("tests/stores/test_refresh_families.py", "tests/stores/test_api_key_store.py")),
    "count.lua": _KEYS,
    "deny.lua": Script((*_KEPT, "tests/stores/test_denylist.py")),
    "enlist.lua": Script((*_KEPT, "tests/stores/test_refresh_families.py")),
    "lease.lua": Script((*_KEPT, "tests/stores/test_leases.py")),
    "login_attempt.lua": _LOGINS,
    "login_settle.lua": _LOGINS,
    "put.lua": Script((*_KEPT, "tests/stores/test_refresh_families.py", "tests/stores/test_api_key_store.py")),
    "rate_limits/begin.lua": _RATE_LIMITS,
    "rate_limits/counters.lua": _RATE_LIMITS,
    "rate_limits/fixed-window.lua": _RATE_LIMITS,
    "rate_limits/gcra.lua": _RATE_LIMITS,
    "rate_limits/logs.lua": _RATE_LIMITS,
    "rate_limits/moving-window.lua": _RATE_LIMITS,
    "rate_limits/sliding-window-counter.lua": _RATE_LIMITS,
    "rotate.lua": Script((*_KEPT, "tests/stores/test_refresh_families.py")),
}
