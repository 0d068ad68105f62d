"""What a policy needs of another has to be found out before it: the order is checked when the pass is made."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from asgisec import Policy, RequestID, SecurityMiddleware, install
from asgisec.errors import ConfigError
from tests.asgi import answering, request
from tests.made import made


@dataclass(frozen=True)
class Finds(Policy):
    provides: Sequence[str] = ("principal",)


@dataclass(frozen=True)
class Asks(Policy):
    needs: Sequence[str] = ("principal",)


@pytest.mark.parametrize(
    "policies",
    [
        pytest.param([Finds(), Asks()], id="behind"),
        pytest.param([Finds(), RequestID(), Asks()], id="further behind"),
        pytest.param([Asks()], id="nobody here finds it out"),
        pytest.param([Asks(("tenant",)), Finds()], id="something else is needed"),
        pytest.param([made(provides=("principal",), needs=("principal",))], id="it finds out itself what it needs"),
        pytest.param([Finds(("principal", "tenant")), Asks(("tenant",)), Finds()], id="found out twice"),
    ],
)
def test_an_order_that_works(policies: list[Policy]) -> None:
    assert request(SecurityMiddleware(answering(), *policies)).status == 200


@pytest.mark.parametrize(
    "policies",
    [
        pytest.param([Asks(), Finds()], id="before"),
        pytest.param([Asks(), RequestID(), Finds()], id="further before"),
        pytest.param([Finds(("tenant",)), Asks(("tenant", "principal")), Finds()], id="one of two is missing"),
    ],
)
def test_an_order_that_cannot_work(policies: list[Policy]) -> None:
    mend = "list it behind Finds, which finds out the principal that it needs"
    for make in (SecurityMiddleware, install):
        with pytest.raises(ConfigError) as caught:
            make(answering(), *policies)
        assert (caught.value.option, caught.value.mend) == ("SecurityMiddleware(*policies)", mend)
        assert isinstance(caught.value.value, Asks)


def test_middleware_that_fuses_in_the_wrong_order_is_found_too() -> None:
    with pytest.raises(ConfigError, match="list it behind Finds"):
        SecurityMiddleware(SecurityMiddleware(answering(), Finds()), Asks())
