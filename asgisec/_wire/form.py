"""`application/x-www-form-urlencoded`, as OAuth 2 sends its parameters: read strictly, so that it has one meaning.

- A name that comes twice is refused (RFC 6749 section 3.2): readers differ on which of the two they take. An empty
  value is as if it had not been sent (the same section), but it does count as once.
- A percent sign begins an escape. What it escapes is UTF-8 (RFC 6749 appendix B).
- Text holds no control characters but a tab (RFC 6749 appendix A, UNICODECHARNOCRLF).
- The number of fields is bounded before any is read.

A parser of browsers' forms (URL Standard, "application/x-www-form-urlencoded parsing") has a meaning for anything. No
client writes what is refused here; whoever does hopes that two readers will differ.
"""

import re
from typing import Literal
from urllib.parse import unquote_to_bytes

__all__ = ["BadForm", "FormFault", "decode_component", "is_form", "is_text", "parse_form"]

FormFault = Literal["form_malformed", "form_repeated", "form_too_many"]

MAX_FIELDS = 32  # the longest request of RFC 6749 has seven, and extensions add a few

_NOT_ESCAPED = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_NO_TEXT = re.compile("[\x00-\x08\x0a-\x1f\x7f\ufffe\uffff]")
# RFC 9110 section 8.3.1. The type has no parameters; the one that many send all the same is the encoding that it has.
_FORM = re.compile(rb'application/x-www-form-urlencoded[ \t]*(?:;[ \t]*(?:charset=("?)utf-8\1)?[ \t]*)?', re.IGNORECASE)


class BadForm(ValueError):
    """What is wrong with a form, in one word."""

    def __init__(self, fault: FormFault) -> None:
        super().__init__(fault)
        self.fault = fault


def is_form(content_type: bytes) -> bool:
    """Tell whether a `Content-Type` announces a form that `parse_form` reads."""
    return _FORM.fullmatch(content_type) is not None


def parse_form(data: bytes) -> dict[str, str]:
    """Return the fields of a form that are not empty.

    Raises:
        BadForm: It has no single meaning.
    """
    if data.count(b"&") >= MAX_FIELDS:
        raise BadForm("form_too_many")
    fields: dict[str, str] = {}
    for part in data.split(b"&"):
        if not part:
            continue
        name, _, value = part.partition(b"=")
        try:
            key, text = decode_component(name), decode_component(value)
        except ValueError:
            raise BadForm("form_malformed") from None
        if key in fields:
            raise BadForm("form_repeated")
        fields[key] = text
    return {name: value for name, value in fields.items() if value}


def decode_component(data: bytes) -> str:
    """Decode a name or a value.

    Raises:
        ValueError: An escape is not complete, or what comes out is not text.
    """
    if b"%" in data and _NOT_ESCAPED.search(data):
        raise ValueError
    data = data.replace(b"+", b" ")
    text = (unquote_to_bytes(data) if b"%" in data else data).decode()
    if not is_text(text):
        raise ValueError
    return text


def is_text(text: str) -> bool:
    """Tell whether a value holds no control characters but tabs."""
    return _NO_TEXT.search(text) is None
