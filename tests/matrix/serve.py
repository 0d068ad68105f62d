"""Serve every target on one of the sockets that this process was started with; stop when standard input ends.

    python -m tests.matrix.serve uvicorn-h11 fastapi=5 rooted=6

For the servers that run in an event loop of ours; Granian brings its own and is started by its own command.
"""

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable

import hypercorn.asyncio
import uvicorn
from hypercorn.config import Config

from tests.asgi import App
from tests.matrix.apps import ROOT, ROOTED, make
from tests.servers.harness import OPTIONS, SERVERS

Serve = Callable[[App, int, str, asyncio.Event], Awaitable[None]]


def _uvicorn(kind: str) -> Serve:
    async def serve(app: App, descriptor: int, root_path: str, stop: asyncio.Event) -> None:
        server = uvicorn.Server(uvicorn.Config(app, root_path=root_path, **SERVERS[kind], **OPTIONS))

        async def end() -> None:
            await stop.wait()
            server.should_exit = server.force_exit = True

        await asyncio.gather(server.serve(sockets=[socket.socket(fileno=descriptor)]), end())

    return serve


async def _hypercorn(app: App, descriptor: int, root_path: str, stop: asyncio.Event) -> None:
    config = Config()
    config.bind = [f"fd://{descriptor}"]
    config.root_path = root_path
    config.include_server_header = False
    config.graceful_timeout = 0.1  # nobody waits for what a test left running
    await hypercorn.asyncio.serve(app, config, shutdown_trigger=stop.wait, mode="asgi")


async def _main(kind: str, *targets: str) -> None:
    serve = _hypercorn if kind == "hypercorn" else _uvicorn(kind)
    stop = asyncio.Event()
    jobs = []
    for target in targets:
        name, _, descriptor = target.partition("=")
        jobs.append(serve(make(name), int(descriptor), ROOT if name in ROOTED else "", stop))
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin.fileno(), stop.set)
    await asyncio.gather(*jobs)


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
