"""The types of text in msgspec, and so in Litestar.

msgspec asks three functions about types that it does not know. `decode_hook` and `encode_hook` are the `dec_hook=` and
`enc_hook=` of its encoders and decoders, `schema_hook` that of `msgspec.json.schema`. For Litestar there is
a plugin made of them, in `asgisec.inputs.litestar`.

A refusal is msgspec's `ValidationError`, with a fixed text.
"""

from typing import Any, TypeGuard

from asgisec.inputs.text import ValidatedText

__all__ = ["decode_hook", "encode_hook", "is_validated_text", "schema_hook"]


def is_validated_text(kind: Any) -> TypeGuard[type[ValidatedText]]:
    """Tell whether `kind` is one of the types of text, or a subclass of one."""
    return isinstance(kind, type) and issubclass(kind, ValidatedText)


def decode_hook(kind: type, value: Any) -> Any:
    """Make a `kind` from what was decoded, or raise `ValueError`; `NotImplementedError` for any other type."""
    if not is_validated_text(kind):
        raise NotImplementedError(f"{kind!r} is not a type of asgisec.inputs")
    return kind(value)


def encode_hook(value: Any) -> str:
    """Return the plain text of a value, which msgspec can write; `NotImplementedError` for any other value."""
    if not isinstance(value, ValidatedText):
        raise NotImplementedError(f"{type(value)!r} is not a type of asgisec.inputs")
    return str(value)


def schema_hook(kind: type) -> dict[str, Any]:
    """Return the JSON schema of `kind`; `NotImplementedError` for any other type."""
    if not is_validated_text(kind):
        raise NotImplementedError(f"{kind!r} is not a type of asgisec.inputs")
    return kind.json_schema()
