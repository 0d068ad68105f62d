"""What is said where the package of an extra is not installed.

    with needs("redis", "install asgisec[redis]"):
        from redis.asyncio import ConnectionPool

The error stays a `ModuleNotFoundError`, for whoever catches that.
"""

from types import TracebackType

__all__ = ["needs"]


class needs:  # noqa: N801 - it is read as a phrase
    """Say what to install, should a package be missing that is imported within.

    Args:
        package: The package that may be missing.
        mend: What to install.
    """

    def __init__(self, package: str, mend: str) -> None:
        self._package = package
        self._mend = mend

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # Any other module that is missing is none of this extra's.
        if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] == self._package:
            error.msg = f"{error.msg}: {self._mend}"
