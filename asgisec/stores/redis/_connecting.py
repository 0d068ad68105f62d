"""How connections are made: to a server, and to the master that Sentinels name."""

import asyncio
from collections.abc import Iterable
from typing import Any

from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError

from asgisec.stores.redis._channel import Connect

__all__ = ["MasterUnknownError", "at_url", "of_sentinels"]

# Ours is the only time-out; what failed is not tried again behind the caller's back; replies are bytes of version 2.
_SETTINGS: dict[str, Any] = {
    "socket_timeout": None,
    "socket_connect_timeout": None,
    "retry_on_timeout": False,
    "health_check_interval": 0,
    "decode_responses": False,
    "protocol": 2,
}


class MasterUnknownError(RedisError):
    """No Sentinel answers that knows the master."""


def at_url(url: str, options: dict[str, Any]) -> Connect:
    """Return what connects to the server at a URL that redis-py knows.

    Raises:
        ValueError: The URL is wrong.
        TypeError: An option is none.
    """
    pool = ConnectionPool.from_url(url, **options)
    pool.connection_kwargs.update(_SETTINGS)
    pool.connection_kwargs.pop("retry", None)
    pool.connection_class(**pool.connection_kwargs)  # what a connection does not take is said now

    async def connect() -> AbstractConnection:
        connection = pool.connection_class(**pool.connection_kwargs)
        try:
            await connection.connect()  # type: ignore[no-untyped-call]  # redis-py's
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        return connection

    return connect


def of_sentinels(sentinels: Iterable[Connect], service: str, master_at: "MasterAt") -> Connect:
    """Return what connects to the master, after all Sentinels were asked at once who it is."""
    listed = list(sentinels)

    async def connect() -> AbstractConnection:
        tasks = [asyncio.create_task(_master_of(sentinel, service)) for sentinel in listed]
        try:
            refused: Exception = MasterUnknownError("no Sentinel answers")
            for answered in asyncio.as_completed(tasks):
                try:
                    host, port = await answered
                    return await master_at(host, port)()
                except (RedisError, OSError) as error:
                    refused = error
            raise MasterUnknownError(f"no Sentinel knows a master {service!r} that answers") from refused
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    return connect


class MasterAt:
    """What connects to a server whose address is told later, and sees to it that it is a master.

    A Sentinel that was cut off names the old one.
    """

    def __init__(self, scheme: str, userinfo: str, tail: str, options: dict[str, Any]) -> None:
        self._before = f"{scheme}://{userinfo}"
        self._tail = tail
        self._options = options

    def node(self, host: str, port: int) -> Connect:
        """Return what connects to a server, whatever it is."""
        shown = f"[{host}]" if ":" in host else host
        return at_url(f"{self._before}{shown}:{port}{self._tail}", self._options)

    def __call__(self, host: str, port: int) -> Connect:
        """Return what connects to a master."""
        at_node = self.node(host, port)

        async def connect() -> AbstractConnection:
            connection = await at_node()
            try:
                await connection.send_command("ROLE")
                role = (await connection.read_response())[0]
            except BaseException:
                await connection.disconnect(nowait=True)
                raise
            if role != b"master":
                await connection.disconnect(nowait=True)
                raise MasterUnknownError(f"{host}:{port} is no master now")
            return connection

        return connect


async def _master_of(sentinel: Connect, service: str) -> tuple[str, int]:
    connection = await sentinel()
    try:
        await connection.send_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", service)
        answer = await connection.read_response()
    finally:
        await connection.disconnect(nowait=True)
    if answer is None:
        raise MasterUnknownError(f"a Sentinel knows no {service!r}")
    host, port = answer
    return host.decode(), int(port)
