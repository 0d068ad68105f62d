"""What all needs of the Redis store share: keys, commands, scripts, and what becomes of errors.

- Every key is `prefix:kind:{identity}:rest`. Redis Cluster hashes what stands in the braces, so the keys of one
  identity share a slot, and a script may touch all of them.
- A script is sent by its hash. A server that does not know it, after a restart, a failover or a flush, is sent its
  text.
- Whatever goes wrong is `StoreUnavailable`, with the client library's error as its cause.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from hashlib import sha1
from importlib.resources import files
from typing import Any, Self, TypeAlias, TypeVar

import hiredis
from redis.exceptions import NoScriptError, RedisError, ResponseError

from asgisec.errors import ConfigError, StoreUnavailable
from asgisec.stores._names import is_harmless, safe
from asgisec.stores.redis._channel import CircuitOpenError
from asgisec.stores.redis._nodes import Nodes

__all__ = ["Redis", "Script", "Word"]

Word: TypeAlias = bytes | str | int | float
T = TypeVar("T")

_AT_ONCE = 200  # records: all that are asked for at once share one time-out


class Script:
    """A Lua script.

    Args:
        name: The file below `lua/`, without its ending.
        source: The script itself, for whoever keeps it elsewhere.
    """

    __slots__ = ("evalsha", "name", "source")

    def __init__(self, name: str, source: str | None = None) -> None:
        self.name = name
        if source is None:
            source = (files("asgisec.stores.redis") / "lua" / f"{name}.lua").read_text("utf-8")
        self.source = source.encode()
        # How Redis names scripts; nothing depends on nobody finding another of that name.
        self.evalsha = ("EVALSHA", sha1(self.source, usedforsecurity=False).hexdigest())


class Redis:
    """The base of each need's part of the Redis store.

    Args:
        nodes: Where the servers are.
        prefix: What every key begins with; applications that share a server have one each.
    """

    def __init__(self, nodes: Nodes, *, prefix: str = "asgisec") -> None:
        if not callable(getattr(nodes, "ask", None)):
            raise ConfigError("RedisStore(nodes)", ..., "make one with RedisStore.from_url(url)")
        if not isinstance(prefix, str) or not prefix or not is_harmless(prefix):
            raise ConfigError("RedisStore(prefix=)", prefix, "write a short name of letters and digits: 'shop'")
        self._nodes = nodes
        self._prefix = prefix

    async def aclose(self) -> None:
        """Wait for what is on its way, and give up this event loop's connections; the next command opens new ones."""
        await self._nodes.aclose()

    def key(self, kind: str, identity: str, *rest: str) -> str:
        """Return the key for one identity: an owner, a client's address, an account.

        What is long, or has characters that mean something in keys, is hashed: keys are of bounded length, and nobody
        can be made to look like another, or be steered to a slot.
        """
        return ":".join((self._prefix, kind, "{" + safe(identity) + "}", *map(safe, rest)))

    def run(self, script: Script, keys: Sequence[str], args: Sequence[Word]) -> Coroutine[Any, Any, Any]:
        """Run a script on the keys of one identity, and return its reply.

        Raises:
            StoreUnavailable: It cannot be run now.
        """
        return self._ask(keys[0], (len(keys), *keys, *args), script)

    def command(self, *words: Word) -> Coroutine[Any, Any, Any]:
        """Send a command whose first key is its second word, and return its reply.

        Raises:
            StoreUnavailable: It cannot be answered now.
        """
        return self._ask(str(words[1]), words)

    @staticmethod
    async def each(find: Callable[[str], Awaitable[T | None]], ids: Sequence[bytes]) -> list[T]:
        """Return what is found under ids, without those that there are not."""
        found: list[T | None] = []
        for begin in range(0, len(ids), _AT_ONCE):
            found += await asyncio.gather(*(find(one.decode()) for one in ids[begin : begin + _AT_ONCE]))
        return [one for one in found if one is not None]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self.aclose()

    async def _ask(self, key: str, words: tuple[Word, ...], script: Script | None = None) -> Any:
        try:
            if script is None:
                reply = await self._nodes.ask(key, _packed(words))
            else:
                reply = await self._nodes.ask(key, _packed((*script.evalsha, *words)))
                if isinstance(reply, NoScriptError):
                    reply = await self._nodes.ask(key, _packed(("EVAL", script.source, *words)))
        except (CircuitOpenError, RedisError, OSError) as error:  # TimeoutError is an OSError
            raise StoreUnavailable from error
        # Out of memory, a replica, loading, busy: the server says why, and that is for the log.
        if isinstance(reply, ResponseError):
            raise StoreUnavailable from reply
        return reply


def _packed(words: tuple[Word, ...]) -> bytes:
    try:
        packed: bytes = hiredis.pack_command(words)  # type: ignore[arg-type]  # its stub means a tuple of any length
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can bring
        packed = _packed(tuple(w.encode("utf-8", "surrogatepass") if isinstance(w, str) else w for w in words))
    return packed
