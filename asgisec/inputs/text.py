"""Text from people: types that are made only from text that keeps their rule.

Each type is a subclass of `str`, and that is the one mechanism: calling it checks (`Username("ada")` is a `str`, or a
`ValueError`), type checkers know it as a type of its own, and pydantic finds its own hook on it, so that
`name: Username` works in a model, in FastAPI and in JSON schema. `Annotated[str, ...]` would give the second and third
without the first, and a function the first alone. pydantic itself is imported only by pydantic's call of the hook. For
msgspec and Litestar there are `decode_hook` and its siblings.

The rules:

- What is refused is refused whole; nothing is cut, and nothing is quietly taken away.
- The refusal is a `ValueError` with a fixed text; what was refused is never part of it. Under pydantic the error's
  `input` says "(hidden)", so that a framework that answers with it echoes nothing either.
- Length is counted in code points, before anything that costs more than a glance.

    >>> Username("ada_l")
    'ada_l'
    >>> Username("<script>")
    Traceback (most recent call last):
    ValueError: a username is 3 to 30 letters (a-z, A-Z), digits, hyphens or underscores
"""

import re
import unicodedata
from typing import Any, ClassVar, Literal, Self

from asgisec.errors import ConfigError
from asgisec.inputs.html import HTMLPolicy, sanitize_html

__all__ = ["PlainText", "SafeHTML", "Slug", "Username", "ValidatedText"]

# Controls, the two line separators, lone surrogates, and what embeds, overrides or isolates the direction of text, the
# means of "Trojan Source" (CVE-2021-42574; UAX #9 section 2). The single marks that honest Arabic and Hebrew text
# uses (U+200E, U+200F, U+061C) are not among them.
_DECEPTIVE = "\u2028-\u202e\u2066-\u206f\ud800-\udfff"
_NOT_IN_A_LINE = re.compile(f"[\x00-\x1f\x7f-\x9f{_DECEPTIVE}]")
_NOT_IN_A_TEXT = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{_DECEPTIVE}]")

# The Stream-Safe Text Format (UAX #15 section 13). Sorting a longer run takes time that grows with its square: 40,000
# marks held the interpreter for most of a second.
_MAX_MARKS = 30

# Decomposed text is longer than what it composes to; this much is looked at before the exact count.
_DECOMPOSED = 4


class ValidatedText(str):
    """Text of one kind; the base of every type here. A type of your own defines `checked` and `json_schema`."""

    __slots__ = ()

    def __new__(cls, value: str) -> Self:
        """Check `value`; raises `ValueError`."""
        if not isinstance(value, str):
            raise ValueError("text is needed here")  # noqa: TRY004 - bad input is a ValueError here, whatever is bad
        return super().__new__(cls, cls.checked(str(value)))

    @classmethod
    def checked(cls, value: str) -> str:
        """Return `value` in its final form, or raise `ValueError` with a fixed text."""
        raise NotImplementedError

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """Return what JSON schema can say of the rule."""
        raise NotImplementedError

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from asgisec.inputs import _pydantic  # noqa: PLC0415 - pydantic is an extra of this module

        return _pydantic.core_schema_of(cls)

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: Any) -> dict[str, Any]:
        return cls.json_schema()


class Username(ValidatedText):
    """3 to 30 ASCII letters, digits, hyphens or underscores: no two of them look the same, and none needs escaping."""

    __slots__ = ()
    _PATTERN: ClassVar = re.compile(r"[A-Za-z0-9_-]{3,30}")

    @classmethod
    def checked(cls, value: str) -> str:
        """Return `value`, or raise `ValueError`."""
        if cls._PATTERN.fullmatch(value) is None:
            raise ValueError("a username is 3 to 30 letters (a-z, A-Z), digits, hyphens or underscores")
        return value

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """Return the pattern and the lengths."""
        return {"type": "string", "minLength": 3, "maxLength": 30, "pattern": "^[A-Za-z0-9_-]+$"}


class Slug(ValidatedText):
    """1 to 100 lower-case ASCII letters and digits, with single hyphens between them: one path segment, as it is."""

    __slots__ = ()
    _PATTERN: ClassVar = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")

    @classmethod
    def checked(cls, value: str) -> str:
        """Return `value`, or raise `ValueError`."""
        if len(value) > 100 or cls._PATTERN.fullmatch(value) is None:  # noqa: PLR2004 - the docstring's number
            raise ValueError("a slug is 1 to 100 lower-case letters (a-z) and digits, with single hyphens between them")
        return value

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """Return the pattern and the lengths."""
        return {"type": "string", "minLength": 1, "maxLength": 100, "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$"}


class PlainText(ValidatedText):
    """Text without controls, lone surrogates and bidirectional overrides: what is shown is what is stored.

    It is still text: `<` is allowed, and a template has to escape it as always. A type with other bounds is a subclass:
    `class Title(PlainText, max_length=80): ...`.

    Args:
        min_length: The fewest code points, after normalisation. Default 0.
        max_length: The most code points, after normalisation. Default 10,000.
        normalize: The Unicode form to bring the text into, `"NFC"` (the default), `"NFKC"`, which also folds look-alike
            forms such as full-width letters, or `None`.
        multiline: Whether tabs and line breaks may stand in it; CR LF becomes LF. Default no.

    Raises:
        ConfigError: A bound that nothing can keep, or an unknown form.
    """

    __slots__ = ()
    _min_length: ClassVar[int] = 0
    _max_length: ClassVar[int] = 10_000
    _normalize: ClassVar[Literal["NFC", "NFKC"] | None] = "NFC"
    _multiline: ClassVar[bool] = False

    def __init_subclass__(
        cls,
        *,
        min_length: int | None = None,
        max_length: int | None = None,
        normalize: Literal["NFC", "NFKC", "inherit"] | None = "inherit",
        multiline: bool | None = None,
    ) -> None:
        super().__init_subclass__()
        cls._min_length = cls._min_length if min_length is None else min_length
        cls._max_length = cls._max_length if max_length is None else max_length
        cls._normalize = cls._normalize if normalize == "inherit" else normalize
        cls._multiline = cls._multiline if multiline is None else multiline
        if not 0 <= cls._min_length <= cls._max_length or cls._max_length < 1:
            bounds = (cls._min_length, cls._max_length)
            raise ConfigError(f"{cls.__name__}(min_length=, max_length=)", bounds, "give 0 <= min_length <= max_length")
        if cls._normalize not in {"NFC", "NFKC", None}:
            raise ConfigError(f"{cls.__name__}(normalize=)", cls._normalize, 'write "NFC", "NFKC" or None')

    @classmethod
    def checked(cls, value: str) -> str:
        """Return `value` normalised, or raise `ValueError`."""
        if len(value) > _DECOMPOSED * cls._max_length:
            raise ValueError("this text is too long")
        if cls._multiline:
            value = value.replace("\r\n", "\n")
        if (_NOT_IN_A_TEXT if cls._multiline else _NOT_IN_A_LINE).search(value):
            raise ValueError("this text holds control characters or characters that change its direction")
        if not value.isascii():
            value = cls._composed(value)
        if len(value) > cls._max_length:
            raise ValueError("this text is too long")
        if len(value) < cls._min_length:
            raise ValueError("this text is too short")
        return value

    @classmethod
    def _composed(cls, value: str) -> str:
        run = 0
        for mark in map(unicodedata.combining, value):
            run = run + 1 if mark else 0
            if run > _MAX_MARKS:
                raise ValueError("this text piles more marks on one letter than any language does")
        return value if cls._normalize is None else unicodedata.normalize(cls._normalize, value)

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """Return the lengths; the forbidden characters are not something that every JSON schema library can say."""
        shortest = {"minLength": cls._min_length} if cls._min_length else {}
        return {"type": "string", **shortest, "maxLength": cls._max_length}


class SafeHTML(ValidatedText):
    """HTML that has been through `sanitize_html`: it takes any text and keeps what its policy allows.

    Template engines that know `__html__` (Jinja2, Django's `conditional_escape`) put it into a page as it is. What is
    made from it by joining or slicing is plain `str` again. Another policy is a subclass:
    `class Article(SafeHTML, policy=HTMLPolicy(tags={"p", "h2"})): ...`.

    Args:
        policy: What may stay. Default: `HTMLPolicy.comment()`.
    """

    __slots__ = ()
    _policy: ClassVar[HTMLPolicy] = HTMLPolicy.comment()

    def __init_subclass__(cls, *, policy: HTMLPolicy | None = None) -> None:
        super().__init_subclass__()
        cls._policy = cls._policy if policy is None else policy

    def __html__(self) -> str:
        """Return the text for a page, as it is."""
        return str(self)

    @classmethod
    def checked(cls, value: str) -> str:
        """Return what the policy leaves of `value`, or raise `ValueError` where it is too long."""
        return sanitize_html(value, cls._policy)

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """Return the length that is accepted, before the HTML is cleaned."""
        return {"type": "string", "maxLength": cls._policy.max_length}
