"""The application of the soak, with two faults: a task is left over by each refusal, whose event is written twice."""

import asyncio
import logging

from fastapi import FastAPI

from bench.scale import everything

__all__ = ["application"]

_left: list["asyncio.Task[None]"] = []


class _Twice(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _left.append(asyncio.get_running_loop().create_task(asyncio.sleep(3600)))
        for handler in record_handlers():
            handler.emit(record)


def record_handlers() -> list[logging.Handler]:
    return [one for one in logging.getLogger("asgisec.events").handlers if not isinstance(one, _Twice)]


def application() -> FastAPI:
    app = everything.application()
    logging.getLogger("asgisec.events").addHandler(_Twice(logging.WARNING))
    return app
