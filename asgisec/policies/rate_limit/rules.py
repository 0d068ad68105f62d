"""Limits for some paths only, whatever way the path is spelled.

Servers and frameworks do not read a path alike: some collapse slashes, some drop the last one, some cut `root_path` off
wherever it stands. A rule is for every path that any of them may read as its own, so that no spelling of a path that
reaches the handler evades it. To be held to a rule too many costs a client a few requests; to be held to none would
cost the rule its point. What takes limits away, `override=True`, is the exact path only.
"""

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from posixpath import normpath
from typing import Any
from urllib.parse import urlparse

from asgisec._exempt import path_below_root
from asgisec._wire.headers import is_token
from asgisec.errors import ConfigError
from asgisec.policies._options import a_bool, a_list
from asgisec.policies.rate_limit.amounts import Amount, amounts
from asgisec.policies.rate_limit.options import a_name

__all__ = ["Rule", "Rules", "readings"]

_BELOW = "/*"
_WEBSOCKET = "WEBSOCKET"
_SLASHES = re.compile("//+")
_ODD = re.compile(r"//|/\.|\n")
_SPELLED = re.compile(rf"{_ODD.pattern}|/\Z")  # what makes a path one of several spellings
_MEND = "write an exact path such as '/auth/token', or one that ends in '/*' for all below"


@dataclass(frozen=True)
class Rule:
    """Further limits for a path.

    Args:
        path: An exact path; one that ends in `/*`, for itself and everything below; or several, which share one count.
            Paths begin below `root_path`.
        limits: What is allowed there, as for `RateLimit`.
        methods: The methods it is for, all where left out; `GET` is `HEAD`, too. A handshake of a WebSocket is
            `WEBSOCKET`.
        override: Let the limits of the rule stand in place of the general ones, not beside them.
        name: How the limits are called in headers and problem documents; the first path where left out.

    Raises:
        ConfigError: A path is none, or a limit, or a method.
    """

    path: str | Sequence[str]
    limits: Any
    methods: Collection[str] | None = None
    override: bool = False
    name: str | None = None

    def __post_init__(self) -> None:
        paths = (self.path,) if isinstance(self.path, str) else a_list("Rule(path)", self.path)
        if not paths:
            raise ConfigError("Rule(path)", self.path, _MEND)
        for path in paths:
            if not _is_path(path):
                raise ConfigError("Rule(path)", path, _MEND)
        a_bool("Rule(override=)", self.override)
        name = a_name("Rule(name=)", paths[0] if self.name is None else self.name)
        for field, value in {
            "path": self.path if isinstance(self.path, str) else paths,
            "limits": amounts("Rule(limits=)", self.limits),
            "methods": None if self.methods is None else _methods(self.methods),
            "name": name,
        }.items():
            object.__setattr__(self, field, value)

    def covers_method(self, method: str) -> bool:
        """Tell whether the rule is for this method, in capitals."""
        return self.methods is None or method in self.methods

    def is_for(self, path: str) -> bool:
        """Tell whether the rule is for this path, just as it is spelled."""
        if path in self.paths:
            return True
        below = tuple(listed.removesuffix("*") for listed in self.paths if listed.endswith(_BELOW))
        return f"{path}/".startswith(below) and not _ODD.search(path)

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths, however many were given."""
        return (self.path,) if isinstance(self.path, str) else tuple(self.path)

    @property
    def amounts(self) -> Sequence[Amount]:
        """The limits, as they were read."""
        read: Sequence[Amount] = self.limits
        return read


class Rules:
    """Rules, compiled for look-up by path."""

    __slots__ = ("_below", "_exact", "_rules")

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = tuple(rules)
        self._exact: dict[str, list[int]] = {}
        below: dict[str, list[int]] = {}
        for place, rule in enumerate(self._rules):
            for path in rule.paths:
                if path.endswith(_BELOW):
                    below.setdefault(path.removesuffix("*"), []).append(place)
                else:
                    self._exact.setdefault(_normal(path), []).append(place)
        self._below = _Beginnings(below) if below else None

    def __bool__(self) -> bool:
        return bool(self._rules)

    def matching(self, scope: Mapping[str, Any]) -> tuple[tuple[int, ...], bool]:
        """Return the places of the rules that a request is held to, and whether the general limits hold, too."""
        method = scope["method"].upper() if scope["type"] == "http" else _WEBSOCKET
        found = {place for reading in readings(scope) for place in self._of(reading)}
        matching = tuple([place for place in sorted(found) if self._rules[place].covers_method(method)])
        overriding = [self._rules[place] for place in matching if self._rules[place].override]
        if not overriding:
            return matching, True
        return matching, not all(any(rule.is_for(path) for rule in overriding) for path in _as_written(scope))

    def _of(self, path: str) -> Iterator[int]:
        yield from self._exact.get(path, ())
        if self._below is not None:
            yield from self._below.of(f"{path}/")


class _Beginnings:
    """Places, by what a path begins with: found by bisection, and not by one rule after the other.

    Nor by the parents of the path: a client chooses how many parts that has. In sorted order, all that begins with a
    text stands behind it without a gap, so the longest beginning of a path is the last that sorts up to it, or one of
    those that this one begins with itself.
    """

    __slots__ = ("_listed", "_outer", "_places")

    def __init__(self, places: Mapping[str, Sequence[int]]) -> None:
        self._listed = sorted(places)
        self._places = [places[beginning] for beginning in self._listed]
        self._outer: list[int] = []
        around: list[int] = []
        for number, beginning in enumerate(self._listed):
            while around and not beginning.startswith(self._listed[around[-1]]):
                around.pop()
            self._outer.append(around[-1] if around else -1)
            around.append(number)

    def of(self, path: str) -> Iterator[int]:
        """Return the places of all that the path begins with."""
        number = bisect_right(self._listed, path) - 1
        while number >= 0:
            if path.startswith(self._listed[number]):
                yield from self._places[number]
            number = self._outer[number]


def readings(scope: Mapping[str, Any]) -> Iterable[str]:
    """Return every path, in its shortest spelling, that a framework may read the path of this request as."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    if not root and not _SPELLED.search(path) and path[:1] == "/":
        return (path,)  # almost all requests
    read = {path}
    if path[:1] != "/":
        # Some servers pass a target in absolute form (RFC 9112 section 3.2.2) on as the path. Quart takes its path out.
        with suppress(ValueError):
            read.add(urlparse(path).path)
    # Starlette cuts the root off at a slash, Quart and Django anywhere, Litestar where it finds it first.
    read |= {each.split(prefix, 1)[-1] for each in read for prefix in {root, root.rstrip("/")} - {""}}
    # Static files are looked up by a path without dots in it.
    read |= {normpath(each) for each in read if "/." in each}
    return {_normal(each) for each in read}


def _as_written(scope: Mapping[str, Any]) -> Iterable[str]:
    """Return the path below the root, and below where Litestar finds the root, which is anywhere."""
    path, root = path_below_root(scope), scope.get("root_path")
    return {path, "/" + scope["path"].split(root, 1)[-1].lstrip("/")} if root else (path,)


def _normal(path: str) -> str:
    # Starlette's patterns match before a line feed at the end.
    return "/" + _SLASHES.sub("/", path).strip("/\n")


def _is_path(path: str) -> bool:
    exact = path.removesuffix(_BELOW)
    # Neither a parameter is a path, nor a query; and what is encoded would be compared with what is not.
    wrong = not path.startswith("/") or not path.isprintable() or any(sign in exact for sign in "*?#{}<>%")
    return not wrong and not _ODD.search(path)


def _methods(methods: object) -> frozenset[str]:
    option = "Rule(methods=)"
    named = a_list(option, methods)
    for method in named:
        if not is_token(method.encode("ascii", "replace")):
            raise ConfigError(option, method, "write a method such as 'POST', or 'WEBSOCKET'")
    if not named:
        raise ConfigError(option, methods, "name at least one method, or leave it out for all")
    upper = frozenset(method.upper() for method in named)
    return upper | {"HEAD"} if "GET" in upper else upper
