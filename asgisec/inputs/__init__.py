"""Input that cannot bite: HTML, text, paths, and the parts of SQL that parameters cannot carry.

Nothing here searches requests for "attack patterns": such lists refuse honest text and miss the next attack. Each part
makes one place safe by what it does there, whatever the input holds.
"""

from typing import TYPE_CHECKING

from asgisec.inputs.email_address import Email
from asgisec.inputs.hooks import decode_hook, encode_hook, is_validated_text, schema_hook
from asgisec.inputs.html import HTMLPolicy, sanitize_html, strip_html
from asgisec.inputs.paths import SafeDirectory
from asgisec.inputs.serving import FileApp, file_response
from asgisec.inputs.sql import like_escape, sort_key
from asgisec.inputs.text import PlainText, SafeHTML, Slug, Username, ValidatedText

if TYPE_CHECKING:
    from asgisec.inputs.models import StrictModel

__all__ = [
    "Email",
    "FileApp",
    "HTMLPolicy",
    "PlainText",
    "SafeDirectory",
    "SafeHTML",
    "Slug",
    "StrictModel",
    "Username",
    "ValidatedText",
    "decode_hook",
    "encode_hook",
    "file_response",
    "is_validated_text",
    "like_escape",
    "sanitize_html",
    "schema_hook",
    "sort_key",
    "strip_html",
]


# Hidden from type checkers, to which a misspelled name is an error, too.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        # The one name that needs pydantic, which plain functions must not ask for.
        if name == "StrictModel":
            from asgisec.inputs.models import StrictModel  # noqa: PLC0415

            return StrictModel
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
