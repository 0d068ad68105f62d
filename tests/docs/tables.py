"""The rows of tables that follow from the code alone: the order, the messages, the refusals."""

import re
from collections.abc import Iterator
from typing import Any

import asgisec
from asgisec import RateLimit, errors
from asgisec.errors import ConfigError, SecurityError
from asgisec.presets import RECOMMENDED_ORDER
from tests.mutation.argued import recorded
from tests.mutation.parts import MUTATED

_BETWEEN_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

_NOTICED = ("killed", "timeout")


def public() -> dict[str, Any]:
    """Return what a page may name: also what is loaded only when it is asked for."""
    return {**vars(asgisec), **{name: getattr(asgisec, name) for name in asgisec.__all__}}


def page_of(policy: type) -> str:
    """Return the name of a policy's page: `RequestID` is `request-id.md`."""
    if policy is RateLimit:
        return "rate-limits.md"  # it is about guards and messages, too
    return _BETWEEN_WORDS.sub("-", policy.__name__).lower() + ".md"


def order() -> list[list[str]]:
    return [
        [str(place), f"[`{policy.__name__}`]({page_of(policy)})", reason]
        for place, (policy, reason) in enumerate(RECOMMENDED_ORDER, start=1)
    ]


def mutants() -> list[list[str]]:
    """Return for each part that `make mutants` changes how many changes were noticed, and how many are argued."""
    found = recorded()
    return [
        [what, *(str(sum(found[part].get(end, 0) for end in ends)) for ends in (("mutants",), _NOTICED, ("argued",)))]
        for part, what in MUTATED.items()
    ]


def message(code: str) -> list[str]:
    """Return the row for a piece of code that is wrong: what it says."""
    names: dict[str, Any] = {**public(), "app": _application}
    return [code, f"`{_error_of(code, names)}`"]


def _error_of(code: str, names: dict[str, Any]) -> str:
    try:
        eval(code.strip("`"), names)  # noqa: S307 - written on our own page
    except ConfigError as error:
        return str(error)
    raise AssertionError(f"{code} is accepted")


async def _application(scope: Any, receive: Any, send: Any) -> None:
    raise NotImplementedError


def refusals() -> list[list[str]]:
    kinds = [getattr(errors, name) for name in errors.__all__]
    return list(_refusals(kind for kind in kinds if issubclass(kind, SecurityError)))


def _refusals(kinds: Iterator[type[SecurityError]]) -> Iterator[list[str]]:
    for kind in kinds:
        error = kind()
        yield [f"`{kind.__name__}`", str(error.status_code), f"`{error.reason}`", error.detail, str(kind.close_code)]
