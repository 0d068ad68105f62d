"""How a type of text, or a strict model, tells pydantic what is wrong without telling what it was given."""

from typing import TYPE_CHECKING, Any

from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, ValidationError, core_schema

if TYPE_CHECKING:
    from asgisec.inputs.text import ValidatedText

__all__ = ["HIDDEN", "core_schema_of", "refusal"]

HIDDEN = "(hidden)"


def core_schema_of(kind: "type[ValidatedText]") -> CoreSchema:
    """Return a schema that calls `kind`, and writes it as a string."""

    def validated(value: Any) -> Any:
        try:
            return kind(value)
        except ValueError as error:
            # A ValueError that goes to pydantic as it is would be reported beside the whole input; a ValidationError
            # with an input of its own is taken over as it stands.
            raise refusal(kind.__name__, [_line(str(error))]) from None

    return core_schema.no_info_plain_validator_function(
        validated, serialization=core_schema.to_string_ser_schema(when_used="always")
    )


def refusal(title: str, lines: list[InitErrorDetails]) -> ValidationError:
    """Return pydantic's own error, made of `lines`."""
    return ValidationError.from_exception_data(title, lines, hide_input=True)


def _line(text: str) -> InitErrorDetails:
    return {"type": PydanticCustomError("value_error", "{text}", {"text": text}), "loc": (), "input": HIDDEN}
