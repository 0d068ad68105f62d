"""A pydantic model that takes what was agreed and nothing else.

Needs pydantic, which FastAPI brings along.
"""

from contextvars import ContextVar
from typing import Any, Self

from asgisec._extras import needs

with needs("pydantic", "install pydantic"):
    from pydantic import (
        BaseModel,
        ConfigDict,
        GetCoreSchemaHandler,
        ModelWrapValidatorHandler,
        ValidationError,
        model_validator,
    )
    from pydantic_core import CoreSchema

    from asgisec.inputs._pydantic import hidden, read_from_json

__all__ = ["StrictModel"]

_within_another: ContextVar[bool] = ContextVar("asgisec_within_strict_model", default=False)


class StrictModel(BaseModel):
    """A request body that takes its own fields only, of exactly their types, and echoes nothing that it refuses.

    - A field that is not declared is refused, so that nobody sets `is_admin` by guessing (mass assignment, OWASP API3).
    - `"1"` is no number, `1` is no string and no truth value, `1.0` is no integer. What JSON has no type for (dates and
      times, UUIDs, decimals, enumerations, sets, tuples, bytes) is read from its JSON form. pydantic's own strict mode
      refuses those where a framework parses the JSON itself before it asks pydantic, as FastAPI does.
    - Strings lose white space at both ends.
    - In the errors, and so in FastAPI's 422 and in logs, `input` is "(hidden)": a password in the wrong field stays
      where it was. The names of undeclared fields are shown.

    A model of your own is a subclass; its `model_config` adds to this one's.

    Raises:
        pydantic.ValidationError: A `ValueError`, which FastAPI answers with 422.
    """

    model_config = ConfigDict(extra="forbid", strict=True, str_strip_whitespace=True, hide_input_in_errors=True)

    @model_validator(mode="wrap")
    @classmethod
    def _without_echo(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        # The outermost model hides for all: at every level, many errors far below would be copied once for each.
        if _within_another.get():
            return handler(value)
        token = _within_another.set(True)
        try:
            return handler(value)
        except ValidationError as error:
            raise hidden(error) from None
        finally:
            _within_another.reset(token)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        for field in cls.__pydantic_fields__.values():
            read_from_json(field)
        return handler(source)
