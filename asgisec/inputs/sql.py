r"""What SQL parameters cannot carry: the name to sort by, and the special characters of `LIKE`.

Every value of a statement travels as a parameter, beside the statement; nothing that a value holds can then change
what the statement says. Two things remain. An identifier is part of the statement itself, so it is chosen from a list
of your own (`sort_key`), never taken from the request. And a pattern is a value with a small language in it, so what
people search for is escaped before it becomes a part of one (`like_escape`).

A name that is not in the list raises `ValueError` with a fixed text.

    >>> by = sort_key({"name", "created_at"})
    >>> by("name"), by("-created_at")
    ('name', 'created_at DESC')
    >>> like_escape("100%_sure")
    '100\\%\\_sure'
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from asgisec.errors import ConfigError

__all__ = ["like_escape", "sort_key"]

# A regular identifier, or two with a dot between (SQL-92 section 5.2); what needs quotes belongs into a mapping to a
# column object, whose library quotes it.
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)?\Z")


def sort_key(allowed: Mapping[str, Any] | Iterable[str]) -> Callable[[str], Any]:
    """Return a function that turns a name from a request into something that is safe after `ORDER BY`.

    What it returns is always made of your own list, never of the request: a name that is not listed raises
    `ValueError`. A leading `-` asks for descending order.

    Args:
        allowed: The names a request may use. A mapping leads from each to a column object, such as SQLAlchemy's, or to
            an SQL identifier; of a set or list, the names are the identifiers.

    Raises:
        ConfigError: Nothing is allowed, or something in the list is no plain SQL identifier.
    """
    if isinstance(allowed, str):
        raise ConfigError("sort_key(allowed=)", allowed, "give a set of names, such as {'name', 'created_at'}")
    columns = dict(allowed) if isinstance(allowed, Mapping) else {name: name for name in allowed}
    if not columns:
        raise ConfigError("sort_key(allowed=)", allowed, "list at least one name")
    choices: dict[str, Any] = {}
    for name, column in columns.items():
        if not _is_name(name):
            raise ConfigError("sort_key(allowed=)", name, "write names as text, without a leading hyphen")
        choices[name] = _ascending(column)
        choices["-" + name] = _descending(column)

    def chosen(name: str) -> Any:
        try:
            return choices[name]
        except (KeyError, TypeError):  # a list or a dict is no key
            raise ValueError("this is not a name to sort by") from None

    return chosen


def like_escape(text: str, *, escape: str = "\\") -> str:
    r"""Return `text` so that `LIKE` finds it literally, whatever `%` and `_` it holds.

    The statement has to say the same escape character: `column.like("%" + like_escape(text) + "%", escape="\\")`. Only
    PostgreSQL and MySQL would assume a backslash by themselves.

    Args:
        text: What to look for. It still travels as a parameter.
        escape: The escape character of the statement.

    Raises:
        ConfigError: `escape` is not one character, or is one of the two that it has to escape.
    """
    if len(escape) != 1 or escape in "%_":
        raise ConfigError("like_escape(escape=)", escape, "give one character other than % and _")
    if not isinstance(text, str):
        raise ValueError("what is searched for must be text")  # noqa: TRY004 - bad input is a ValueError here
    return text.replace(escape, escape * 2).replace("%", escape + "%").replace("_", escape + "_")


def _is_name(name: object) -> bool:
    return isinstance(name, str) and name != "" and not name.startswith("-")


def _ascending(column: Any) -> Any:
    if isinstance(column, str) and not _IDENTIFIER.match(column):
        raise ConfigError("sort_key(allowed=)", column, "give a plain SQL identifier, or a column object")
    if not isinstance(column, str) and not callable(getattr(column, "desc", None)):
        raise ConfigError("sort_key(allowed=)", column, "give a column object with .desc(), or an SQL identifier")
    return column


def _descending(column: Any) -> Any:
    return f"{column} DESC" if isinstance(column, str) else column.desc()
