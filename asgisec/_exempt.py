"""What policies leave alone, and the functions that applications give to decide such things."""

from collections.abc import Callable, Iterable, Mapping
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

from asgisec.errors import ConfigError

if TYPE_CHECKING:
    from asgisec.policy import Exchange

__all__ = ["PLAIN_FUNCTION", "Exempt", "is_coroutine_function", "path_below_root"]

PLAIN_FUNCTION = "write a plain function: a coroutine is true whatever it would return"


def is_coroutine_function(function: object) -> bool:
    """Tell whether calling `function` makes a coroutine, which counts as true before it has said anything."""
    return iscoroutinefunction(function) or iscoroutinefunction(getattr(type(function), "__call__", None))  # noqa: B004 - which kind


class Exempt:
    """Which requests a policy leaves alone: exact paths, or a predicate of the exchange.

    A path is compared byte by byte with the decoded path below `root_path`. There are no prefixes and no patterns: an
    exemption that is wider than it looks is a hole.
    """

    __slots__ = ("_paths", "_predicate")

    def __init__(self, option: str, exempt: "Iterable[str] | Callable[[Exchange], bool]") -> None:
        self._predicate = exempt if callable(exempt) else None
        self._paths: frozenset[str] = frozenset()
        if callable(exempt):
            if is_coroutine_function(exempt):
                raise ConfigError(option, exempt, PLAIN_FUNCTION)
            return
        if isinstance(exempt, str):
            raise ConfigError(option, exempt, f"write a list: [{exempt!r}]")
        if not isinstance(exempt, Iterable):
            raise ConfigError(option, exempt, "write a list of exact paths, or a predicate of the exchange")
        paths = tuple(exempt)
        for path in paths:
            if not isinstance(path, str) or not path.startswith("/") or any(sign in path for sign in "*?#"):
                raise ConfigError(option, path, "write an exact path such as '/health', or a predicate of the exchange")
        self._paths = frozenset(paths)

    def __bool__(self) -> bool:
        return bool(self._paths) or self._predicate is not None

    def __call__(self, exchange: "Exchange") -> bool:
        """Tell whether to leave a request alone."""
        if self._predicate is not None:
            # Nothing else that counts as true: to exempt is to open.
            return self._predicate(exchange) is True
        return path_below_root(exchange.scope) in self._paths


def path_below_root(scope: Mapping[str, Any]) -> str:
    """Return the path below `root_path`; servers differ on whether `path` contains it."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "").rstrip("/")
    return path[len(root) :] if root and path.startswith(root + "/") else path
