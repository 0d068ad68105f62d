"""Unicode's normal forms, in a time that whoever sends a text cannot make grow.

Accents in a row are put in order, in a time that grows with the square of their number: some thousands hold the
interpreter for a second. No language writes more than a few, so a text that does is taken as it is.
"""

import unicodedata
from typing import Literal

__all__ = ["normalized"]

_MOST_MARKS = 30  # in a row: the Stream-Safe Text Format (UAX #15 section 13)


def normalized(form: Literal["NFC", "NFKC"], text: str) -> str:
    """Return a text in a normal form; as it is where more marks follow each other than any language has."""
    return text if text.isascii() or _is_piled(text) else unicodedata.normalize(form, text)


def _is_piled(text: str) -> bool:
    run = 0
    for mark in map(unicodedata.combining, text):
        run = run + 1 if mark else 0
        if run > _MOST_MARKS:
            return True
    return False
