"""A pydantic model that takes what was agreed and nothing else.

Needs pydantic, which FastAPI brings along.
"""

from contextvars import ContextVar
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, ValidationInfo, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError, to_json

from asgisec.inputs._pydantic import HIDDEN, refusal

__all__ = ["StrictModel"]

_within_another: ContextVar[bool] = ContextVar("asgisec_within_strict_model", default=False)


class StrictModel(BaseModel):
    """A request body that takes its own fields only, of exactly their types, and echoes nothing that it refuses.

    - A field that is not declared is refused, so that nobody sets `is_admin` by guessing (mass assignment, OWASP API3).
    - `"1"` is no number, `1` is no string and no truth value, `1.0` is no integer. What JSON has no type for (dates,
      UUIDs, decimals, enumerations, sets) is read from its JSON form, also by frameworks that parse JSON themselves before
      they ask pydantic, as FastAPI does; pydantic's own strict mode refuses such fields there.
    - Strings lose white space at both ends.
    - In the errors, and so in FastAPI's 422 and in logs, `input` is "(hidden)": the password in the wrong field stays
      where it was. The names of undeclared fields are shown.

    A model of your own is a subclass; its `model_config` adds to this one's.

    Raises:
        pydantic.ValidationError: A `ValueError`, which FastAPI answers with 422.
    """

    model_config = ConfigDict(extra="forbid", strict=True, str_strip_whitespace=True, hide_input_in_errors=True)

    @model_validator(mode="wrap")
    @classmethod
    def _validate_as_json(cls, value: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        if _within_another.get():
            return handler(value)
        # Only the outermost model tries again. Each level on its own would read the innermost as often as it is deep.
        token = _within_another.set(True)
        try:
            return handler(value)
        except ValidationError as error:
            if info.mode == "json" or not isinstance(value, dict):
                raise _hidden(error) from None
            return cls._from_json_of(value, error, info.context)
        finally:
            _within_another.reset(token)

    @classmethod
    def _from_json_of(cls, value: dict[Any, Any], first: ValidationError, context: Any) -> Self:
        try:
            text = to_json(value)
        except ValueError:  # of something that never was JSON: lone surrogates, objects, cycles
            raise _hidden(first) from None
        try:
            return cls.__pydantic_validator__.validate_json(text, context=context)
        except ValidationError as error:
            raise _hidden(error) from None


def _hidden(error: ValidationError) -> ValidationError:
    lines: list[InitErrorDetails] = []
    for line in error.errors(include_url=False, include_input=False):
        context = dict(line.get("ctx", {}))
        message = line["msg"]
        if "tag" in context:  # of a discriminated union: the one pydantic message that quotes the input
            context["tag"], message = HIDDEN, "The tag of this union is none of the expected ones"
        lines.append({"type": PydanticCustomError(line["type"], message, context), "loc": line["loc"], "input": HIDDEN})
    return refusal(error.title, lines)
