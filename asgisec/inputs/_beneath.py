"""Opening a name below a directory so that no part of the way leads out of it. Three means, the strongest first.

`Kernel` asks Linux to do it in one call (openat2 with RESOLVE_BENEATH). `Walker` follows the path itself, one name at a
time, each opened in the directory before it and none through a symbolic link that it has not read; it is what other
Unix systems get. Between the check and the use of a name neither leaves a moment in which another process could put
something else in its place, because what is checked is what is opened. `Checker` is for systems without directory
descriptors, Windows among them: it looks where a path leads before it opens and again afterwards, which leaves such a
moment.

The law: a path may go through symbolic links, relative ones or absolute ones that name the base, as long as every step
of it stays below the base. All three raise `OSError`; an escape is EXDEV, as the kernel has it.
"""

import ctypes
import errno
import os
import stat
import sys
from collections.abc import Callable
from functools import cache
from typing import Protocol, Self

__all__ = ["Beneath", "Checker", "Kernel", "Walker", "strongest"]

# On systems that lack a flag it is not needed: what it holds off does not exist there.
_LOOK = getattr(os, "O_PATH", 0) | getattr(os, "O_CLOEXEC", 0)
_ALWAYS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
_DIRECTORY = getattr(os, "O_DIRECTORY", 0) | _LOOK
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)

_MAX_LINKS = 40  # as Linux: path_resolution(7)

# The walk holds a descriptor for each directory on the way, and a process has as few as 1,024.
_MAX_DEPTH = 128

# linux/openat2.h; 437 on every architecture but Alpha, which Python's wheels do not know.
_SYS_OPENAT2 = 437
_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_BENEATH = 0x08

# The kernel gives up with EAGAIN when something is renamed while it climbs a `..`; openat2(2) says to try again.
_TRIES = 16


class Beneath(Protocol):
    """How to open what is below one directory."""

    def open(self, path: str, flags: int, mode: int) -> int:
        """Return a descriptor of what `path` leads to."""

    def resolve(self, path: str, *, must_exist: bool) -> str:
        """Return where `path` leads, as an absolute path without symbolic links."""


class Walker:
    """Walks from name to name on directory descriptors.

    Args:
        base: The directory, as an absolute path without symbolic links.
        aliases: Other absolute paths of the same directory, for symbolic links that use them.
    """

    def __init__(self, base: str, aliases: tuple[str, ...] = ()) -> None:
        self.base = base
        self._roots = (base, *aliases)

    def open(self, path: str, flags: int, mode: int) -> int:
        """Return a descriptor of what `path` leads to."""
        with _Walk(self.base, self._roots, path) as walk:
            return os.open(walk.go(), flags | _ALWAYS | _NO_FOLLOW, mode, dir_fd=walk.here)

    def resolve(self, path: str, *, must_exist: bool) -> str:
        """Return where `path` leads, by the names that were walked."""
        with _Walk(self.base, self._roots, path) as walk:
            try:
                name = walk.go()
                found = os.stat(name, dir_fd=walk.here, follow_symlinks=False)
            except FileNotFoundError:
                if must_exist:
                    raise
                return "/".join([self.base, *walk.names, *walk.ahead()])
            if stat.S_ISLNK(found.st_mode):
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))  # swapped in after it was read
            return "/".join([self.base, *walk.names, *([] if name == "." else [name])])


class Kernel(Walker):
    """Lets Linux resolve the whole path in one call, and walks only where the kernel's answer is not the last word."""

    def open(self, path: str, flags: int, mode: int) -> int:
        """Return a descriptor of what `path` leads to."""
        try:
            return _openat2(self.base, path, flags | _ALWAYS, mode)
        except OSError as error:
            # RESOLVE_BENEATH refuses every absolute link, also one that names the base; the walk tells them apart. It
            # also goes on where renames kept the kernel from an answer.
            if error.errno not in {errno.EXDEV, errno.EAGAIN}:
                raise
        return super().open(path, flags, mode)

    def resolve(self, path: str, *, must_exist: bool) -> str:
        """Return where `path` leads, as the kernel names it."""
        try:
            descriptor = _openat2(self.base, path, _LOOK, 0)
        except OSError as error:
            undecided = error.errno in {errno.EXDEV, errno.EAGAIN}
            if not undecided and (must_exist or error.errno != errno.ENOENT):
                raise
        else:
            name = _name_of(descriptor)
            os.close(descriptor)
            # Anything else is a base that was moved, or a kernel that sees it from another root: names tell then.
            if name == self.base or name.startswith(self.base + "/"):
                return name
        return super().resolve(path, must_exist=must_exist)


class Checker:
    """Checks where a path leads before it opens it and once more afterwards.

    Args:
        base: The directory, as `os.path.realpath` gives it.
    """

    def __init__(self, base: str) -> None:
        self.base = base

    def open(self, path: str, flags: int, mode: int) -> int:
        """Return a descriptor of what `path` leads to."""
        real = self.resolve(path, must_exist=False)
        descriptor = os.open(real, flags | _ALWAYS, mode)
        try:
            inside = os.path.samestat(os.fstat(descriptor), os.lstat(self.resolve(path, must_exist=True)))
        except OSError:
            inside = False
        if not inside:
            os.close(descriptor)
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return descriptor

    def resolve(self, path: str, *, must_exist: bool) -> str:
        """Return where `path` leads."""
        real = os.path.realpath(os.path.join(self.base, path), strict=must_exist)
        if path.endswith(("/", "/.")) and os.path.lexists(real) and not os.path.isdir(real):
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if real != self.base and not real.startswith(os.path.join(self.base, "")):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return real


def strongest(base: str, aliases: tuple[str, ...] = ()) -> Beneath:
    """Return the strongest means that this system has for `base`."""
    if not {os.open, os.readlink, os.stat} <= os.supports_dir_fd or not _NO_FOLLOW:
        return Checker(base)
    return Kernel(base, aliases) if _kernel_answers(base) else Walker(base, aliases)


class _Walk:
    """One path, on its way down. `names` is the way so far, `here` the directory it has reached."""

    def __init__(self, base: str, roots: tuple[str, ...], path: str) -> None:
        self.names: list[str] = []
        self._roots = roots
        self._todo = path.split("/")[::-1]
        self._held = [os.open(base, _DIRECTORY)]
        self._links = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in self._held:
            os.close(descriptor)

    @property
    def here(self) -> int:
        return self._held[-1]

    def ahead(self) -> list[str]:
        """Return the names that are still to come; where the first of them does not exist, no `..` has a meaning."""
        if ".." in self._todo:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return [name for name in reversed(self._todo) if name not in {"", "."}]

    def go(self) -> str:
        """Walk to the last directory, and return the last name in it, which is no symbolic link."""
        while True:
            name = self._todo[-1]
            if name == "..":
                self._up()
                name = "."
            elif name not in {"", "."} and self._is_link(name):
                continue
            if len(self._todo) == 1:
                return name or "."
            if name not in {"", "."}:
                if len(self._held) > _MAX_DEPTH:
                    raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
                self._held.append(os.open(name, _DIRECTORY | _NO_FOLLOW, dir_fd=self.here))
                self.names.append(name)
            self._todo.pop()

    def _up(self) -> None:
        # Never by opening "..", which leads wherever the directory has been moved to meanwhile.
        if len(self._held) == 1:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        os.close(self._held.pop())
        self.names.pop()

    def _is_link(self, name: str) -> bool:
        try:
            target = os.readlink(name, dir_fd=self.here)
        except OSError:  # it is not a link, or opening it will say what is wrong
            return False
        self._links += 1
        if self._links > _MAX_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        self._todo[-1:] = self._below(target).split("/")[::-1]
        return True

    def _below(self, target: str) -> str:
        """Return what a link says, seen from the directory it is in; absolute ones start anew at the base."""
        if not target.startswith("/"):
            return target
        for root in self._roots:
            if target == root or target.startswith(root + "/"):
                for descriptor in self._held[1:]:
                    os.close(descriptor)
                del self._held[1:], self.names[:]
                return target[len(root) :].lstrip("/")
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


@cache
def _syscall() -> Callable[..., int]:
    function = ctypes.CDLL(None, use_errno=True).syscall
    function.restype = ctypes.c_long
    function.argtypes = (ctypes.c_long, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t)
    return function


def _openat2(base: str, path: str, flags: int, mode: int) -> int:
    how = _OpenHow(flags, mode, _RESOLVE_BENEATH | _RESOLVE_NO_MAGICLINKS)
    name = os.fsencode(path)
    directory = os.open(base, _DIRECTORY)
    try:
        code = errno.EAGAIN
        for _ in range(_TRIES):
            descriptor = _syscall()(_SYS_OPENAT2, directory, name, ctypes.addressof(how), ctypes.sizeof(how))
            if descriptor >= 0:
                return descriptor
            code = ctypes.get_errno()
            if code not in {errno.EAGAIN, errno.EINTR}:
                break
        raise OSError(code, os.strerror(code))
    finally:
        os.close(directory)


def _name_of(descriptor: int) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:  # no /proc here
        return ""


def _kernel_answers(base: str) -> bool:
    # Before Linux 5.6 the call is ENOSYS; under an old container runtime's seccomp filter it is EPERM.
    if not sys.platform.startswith("linux"):
        return False
    try:
        os.close(_openat2(base, ".", _LOOK, 0))
    except OSError:
        return False
    return True
