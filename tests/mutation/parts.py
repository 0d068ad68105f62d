"""What is mutated, and which tests have to notice.

Tests that start servers or draw hundreds of examples are left out: a mutant must be found by a row that says what is
wrong. What survives those is put to wider tests.
"""

from dataclasses import dataclass

__all__ = ["PARTS", "Part"]


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
            "tests/test_policy.py",
        ),
        deselected=(),
        wider=(
            "tests/test_events.py",
            "tests/test_fusing.py",
            "tests/test_presets.py",
            "tests/auth",
            "tests/policies/test_authentication.py",
            "tests/policies/test_cors.py",
            "tests/policies/test_trusted_hosts.py",
        ),
        wider_deselected=(
            "TestDebugMode",
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
            "memory",
            "frameworks",
            "two_guards",
        ),
        wider=(
            "tests/stores/test_rate_limits_model.py",
            "tests/test_events.py",
            "tests/policies/rate_limit/test_keys.py",
        ),
        wider_deselected=("valkey",),
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
        wider=("tests/tokens", "tests/oauth2", "tests/auth"),
        wider_deselected=(
            "valkey",
            "postgresql",
            "example",
            "races",
            "sockets",
        ),
    ),
}
