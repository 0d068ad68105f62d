"""What pydantic is told: how a type of text is made, what a strict model reads from JSON, and to echo nothing."""

import functools
import operator
import types
import typing
from collections.abc import Iterable, Iterator
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from pydantic import BeforeValidator, Strict
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, ValidationError, core_schema

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from asgisec.inputs.text import ValidatedText

__all__ = ["core_schema_of", "hidden", "read_from_json"]

_HIDDEN = "(hidden)"

# Types that JSON writes as something else. Strict pydantic takes their JSON form only where it parses the JSON itself.
_FROM_TEXT = (bytes, date, time, timedelta, Decimal, Enum, UUID)
_UNIONS = {typing.Union, types.UnionType}
_FROM_ARRAY = (set, frozenset, tuple)


def core_schema_of(kind: "type[ValidatedText]") -> CoreSchema:
    """Return a schema that calls `kind`, and writes it as a string."""

    def validated(value: Any) -> Any:
        try:
            return kind(value)
        except ValueError as error:
            # pydantic reports a ValueError beside the whole input; the lines of a ValidationError it takes as they are.
            line = InitErrorDetails(type=_kind_of_error("value_error", str(error), {}), loc=(), input=_HIDDEN)
            raise ValidationError.from_exception_data(kind.__name__, [line]) from None

    serialization = core_schema.to_string_ser_schema(when_used="always")
    return core_schema.no_info_plain_validator_function(validated, serialization=serialization)


def hidden(error: ValidationError) -> ValidationError:
    """Return the same error with every input hidden."""
    return ValidationError.from_exception_data(error.title, list(_hidden_lines(error)), hide_input=True)


def read_from_json(field: "FieldInfo") -> None:
    """Let a field of a strict model read its JSON form, whoever parsed the JSON. Doing it twice is doing it once."""
    if any(isinstance(item, Strict) for item in field.metadata):
        return
    if _is_written_as_another(field.annotation):
        field.metadata.extend(_leniency(field.annotation))
    field.annotation = _rewritten(field.annotation, outermost=True)


def _hidden_lines(error: ValidationError) -> Iterator[InitErrorDetails]:
    for line in error.errors(include_url=False, include_input=False):
        message, context = line["msg"], dict(line.get("ctx", {}))
        if "tag" in context:  # of a discriminated union: the one message of pydantic's that quotes the input
            message, context = "The tag of this union is none of the expected ones", {"tag": _HIDDEN}
        yield InitErrorDetails(type=_kind_of_error(line["type"], message, context), loc=line["loc"], input=_HIDDEN)


def _kind_of_error(kind: str, message: str, context: dict[str, Any]) -> PydanticCustomError:
    return PydanticCustomError(kind, message, context or None)


def _is_written_as_another(kind: Any) -> bool:
    return _is_subclass(kind, *_FROM_TEXT, *_FROM_ARRAY)


def _is_subclass(kind: Any, *bases: type) -> bool:
    origin = typing.get_origin(kind) or kind
    return isinstance(origin, type) and issubclass(origin, bases)


def _leniency(kind: Any) -> tuple[Any, ...]:
    # Lenient pydantic would also take a number for a moment or a duration, and text for a number that is listed.
    if _is_subclass(kind, date, time, timedelta):
        return (Strict(strict=False), BeforeValidator(_no_number))
    if _is_subclass(kind, Enum) and _is_subclass(kind, int, float):
        return (Strict(strict=False), BeforeValidator(_no_text))
    return (Strict(strict=False),)


def _no_number(value: Any) -> Any:
    if isinstance(value, int | float | Decimal):
        raise ValueError("a date or time is written as text")  # noqa: TRY004 - pydantic knows a ValueError
    return value


def _no_text(value: Any) -> Any:
    if isinstance(value, str | bytes):
        raise ValueError("a number is not written as text")  # noqa: TRY004 - as above
    return value


def _rewritten(kind: Any, *, outermost: bool = False) -> Any:
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        if any(isinstance(item, Strict) for item in parts[1:]):
            return kind
        return Annotated[(_rewritten(parts[0]), *parts[1:])]
    if parts and (origin in _UNIONS or _is_subclass(origin, Iterable)):
        inner = tuple(_rewritten(part) for part in parts)
        kind = functools.reduce(operator.or_, inner) if origin in _UNIONS else origin[inner]
    if outermost or not _is_written_as_another(kind):
        return kind
    return Annotated[(kind, *_leniency(kind))]
