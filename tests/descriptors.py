"""Which files a process holds open."""

import gc
from contextlib import suppress
from pathlib import Path

__all__ = ["opened"]

_OWN = Path("/proc/self/fd")


def opened(below: Path) -> list[Path]:
    """Return what is open below a directory, and of nothing else: what came before may be closed meanwhile."""
    gc.collect()
    found = []
    for descriptor in _OWN.iterdir() if _OWN.exists() else ():
        with suppress(FileNotFoundError):  # that of the listing itself
            found.append(descriptor.readlink())
    return sorted(path for path in found if path.is_relative_to(below))
