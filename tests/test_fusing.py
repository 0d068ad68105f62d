"""Policies in one pass do what the same policies do as one middleware each, nested.

The reference puts an opaque callable between them, so that none fuses with its neighbour. Hypothesis makes up policies,
a request and an application; messages, order, exception and what each policy was asked must be the same.

`ASGISEC_EXAMPLES=20000` looks longer than the gate does.
"""

import os
from collections.abc import Sequence

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asgisec import Policy, SecurityMiddleware
from tests.asgi import App, Message
from tests.generated import Outcome, Step, play, policies, programs, running, scopes

_EXAMPLES = int(os.environ.get("ASGISEC_EXAMPLES", "0"))
_thorough = settings(
    max_examples=_EXAMPLES or 300,
    derandomize=not _EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def opaque(app: App) -> App:
    async def between(scope: Message, receive: object, send: object) -> None:
        await app(scope, receive, send)

    return between


def nested(app: App, listed: Sequence[Policy]) -> App:
    for policy in reversed(listed):
        app = SecurityMiddleware(opaque(app), policy)
    return app


def both(listed: Sequence[Policy], scope: Message, program: list[Step], gone: int | None, backend: str) -> list[Outcome]:
    application = running(program)

    async def run() -> list[Outcome]:
        fused = await play(SecurityMiddleware(application, *listed), scope, gone)
        return [fused, await play(nested(application, listed), scope, gone)]

    return anyio.run(run, backend=backend)


def promised(outcome: Outcome) -> Outcome:
    """Leave out what nesting does and one pass spares: to dress a response that a late refusal replaces."""
    if any(call[1] == "refused" for call in outcome.calls):
        outcome.calls = [call for call in outcome.calls if call[1] != "on_response"]
    return outcome


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_one_pass_is_what_nesting_is(kind: str, backend: str) -> None:
    @_thorough
    @given(policies(), scopes([kind]), programs(kind), st.sampled_from([None] * 9 + [0, 1]))
    def property_(listed: list[Policy], scope: Message, program: list[Step], gone: int | None) -> None:
        fused, reference = both(listed, scope, program, gone, backend)
        assert promised(fused) == promised(reference)

    property_()
