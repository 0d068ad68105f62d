"""E-mail addresses: what can be written to, without asking the network.

Needs the package `email-validator` (extra `email`).

    >>> Email("Ada.Lovelace@EXAMPLE.com")
    'Ada.Lovelace@example.com'
"""

from typing import Any

from asgisec.inputs.text import ValidatedText

__all__ = ["Email"]

# RFC 5321 section 4.5.3.1.3: a path is 256 octets with its angle brackets. Checked first: the parser need not see more.
_MAX_LENGTH = 254


class Email(ValidatedText):
    """One plain address, `local@domain`, with its domain in lower case; no name beside it, nothing in quotes.

    A quoted local part and a display name are where addresses smuggle a second one, or a header, past a check. Nothing
    is looked up: that an address is well-formed does not make it anybody's, which only a message to it can show.

    Raises:
        ValueError: The text is no such address.
        ImportError: `email-validator` is not installed; under pydantic that is said when the model is defined.
    """

    __slots__ = ()

    @classmethod
    def checked(cls, value: str) -> str:
        """Return the address in its normal form, or raise `ValueError`."""
        email_validator = _library()
        if len(value) <= _MAX_LENGTH:
            try:
                parts = email_validator.validate_email(
                    value,
                    check_deliverability=False,
                    allow_display_name=False,
                    allow_quoted_local=False,
                    allow_domain_literal=False,
                )
            except email_validator.EmailNotValidError:
                pass
            else:
                return str(parts.normalized)
        raise ValueError("this is not an e-mail address")

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """Return the format."""
        return {"type": "string", "format": "email", "maxLength": _MAX_LENGTH}

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        _library()
        return super().__get_pydantic_core_schema__(source, handler)


def _library() -> Any:
    # Not a ConfigError: that is a ValueError, which a handler would take for a bad address.
    try:
        import email_validator  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ImportError("Email needs the package email-validator: install asgisec[email]") from error
    return email_validator
