"""`SafeDirectory` against somebody who changes the directory at the same time."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import pytest

from asgisec.errors import PathNotAllowed
from asgisec.inputs import SafeDirectory
from tests.inputs.path_vectors import HONEST, LINUX, MEANS, SECRET, plant

# Somebody who can write to the directory: swaps something for a link to the outside, and back, until stopped.
ATTACK = """
import os, sys
base, name, target = sys.argv[1:]
os.chdir(base)
os.symlink(target, "evil")
os.rename(name, "honest")
while True:
    os.rename("honest", name)
    os.rename(name, "honest")
    os.rename("evil", name)
    os.rename(name, "evil")
"""


@contextmanager
def attacker(base: Path, name: str, target: Path) -> Iterator[None]:
    with subprocess.Popen([sys.executable, "-c", ATTACK, str(base), name, str(target)]) as process:  # noqa: S603
        try:
            while not (base / "evil").is_symlink() and process.poll() is None:
                pass
            yield
        finally:
            process.kill()


def naive_open(base: Path, path: str) -> IO[bytes]:
    """Check first, open then: the way it is often written."""
    real = os.path.realpath(base / path)
    if os.path.commonpath([base, real]) != str(base):
        raise PathNotAllowed
    return open(base / path, "rb")  # noqa: PTH123


def race(read: Callable[[str], IO[bytes]], path: str, tries: int) -> tuple[int, int]:
    """Return how often the honest file was read, and how often the other."""
    contents = []
    for _ in range(tries):
        try:
            with read(path) as file:
                contents.append(file.read())
        except (PathNotAllowed, OSError):
            continue
    return contents.count(HONEST), contents.count(SECRET.encode())


@pytest.mark.parametrize(
    ("swapped", "path", "target"),
    [
        pytest.param("room.txt", "room.txt", "secret.txt", id="file"),
        pytest.param("room", "room/secret.txt", "files-evil", id="directory"),
    ],
)
@pytest.mark.parametrize("means", ["kernel", "walk"])
def test_nobody_wins_a_race(tmp_path: Path, means: str, swapped: str, path: str, target: str) -> None:
    if means == "kernel" and not LINUX:
        pytest.skip("this kernel has no openat2")
    base = plant(tmp_path)
    (base / path).parent.mkdir(exist_ok=True)
    (base / path).write_bytes(HONEST)
    files = SafeDirectory(base)
    files._beneath = MEANS[means](str(base), ())
    inside = naive = rounds = 0
    with attacker(base, swapped, tmp_path / target):
        # On a busy machine the attacker may not run beside us at every moment: until both have met it.
        while rounds < 50 and not (inside and naive):
            rounds += 1
            honest, outside = race(files.open, path, 2_000)
            assert outside == 0
            inside += honest
            naive += race(lambda name: naive_open(base, name), path, 2_000)[1]
    assert inside > 0
    assert naive > 0


@pytest.mark.parametrize("means", ["kernel", "walk"])
def test_nobody_makes_us_write_outside(tmp_path: Path, means: str) -> None:
    if means == "kernel" and not LINUX:
        pytest.skip("this kernel has no openat2")
    base = plant(tmp_path)
    (base / "room.txt").write_bytes(HONEST)
    files = SafeDirectory(base)
    files._beneath = MEANS[means](str(base), ())
    with attacker(base, "room.txt", tmp_path / "secret.txt"):
        for mode in ("wb", "ab", "r+b", "xb"):
            for _ in range(500):
                with suppress(PathNotAllowed, FileNotFoundError, FileExistsError), files.open("room.txt", mode) as file:
                    file.write(b"written")
    assert (tmp_path / "secret.txt").read_text() == SECRET


# Moves a directory out of the base and back, while somebody is on the way up from it.
MOVE = """
import os, sys
inside, outside = sys.argv[1:]
while True:
    os.rename(inside, outside)
    os.rename(outside, inside)
"""


@pytest.mark.parametrize("means", ["kernel", "walk"])
def test_a_directory_that_is_moved_out_takes_nobody_along(tmp_path: Path, means: str) -> None:
    if means == "kernel" and not LINUX:
        pytest.skip("this kernel has no openat2")
    base = plant(tmp_path)
    (base / "room").mkdir()
    (base / "room" / "up").symlink_to("../target.txt")
    (base / "target.txt").write_bytes(HONEST)
    (tmp_path / "target.txt").write_text(SECRET)
    files = SafeDirectory(base)
    files._beneath = MEANS[means](str(base), ())
    command = [sys.executable, "-c", MOVE, str(base / "room"), str(tmp_path / "room")]
    with subprocess.Popen(command) as process:  # noqa: S603
        try:
            counts = [race(files.open, "room/up", 1_000) for _ in range(3)]
        finally:
            process.kill()
    assert sum(outside for _, outside in counts) == 0
