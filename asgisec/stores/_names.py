"""Names in stores: of bounded length, and of characters that mean nothing to any of them."""

from hashlib import sha256

__all__ = ["MAX_NAME", "is_harmless", "safe"]

_MAX_PLAIN = 64  # characters: an address, a UUID, a user's name; what is longer is hashed
_HARMLESS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:@/")

MAX_NAME = 65
"""The characters of the longest name there is: the sign of a hash, and its digits."""


def is_harmless(text: str) -> bool:
    """Tell whether a text is made of harmless characters only."""
    return _HARMLESS.issuperset(text)


def safe(text: str) -> str:
    """Return the name for a text: itself where it is short and harmless, else its hash. No two texts have one name."""
    if text and len(text) <= _MAX_PLAIN and is_harmless(text):
        return text
    # What was not hashed never begins with this sign.
    return "#" + sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
