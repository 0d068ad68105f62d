"""Files that a request names: a path from outside leads to something inside one directory, or nowhere.

The rules:

- A path is relative text with `/` between its names. Absolute paths, `..`, backslashes, drive letters, control
  characters and lone surrogates are refused before the file system is asked, whatever the system would make of them; so
  is a path that names the directory itself. On Windows, device names, streams (`file.txt:x`) and names that end in a
  dot or a space are refused too.
- Percent signs are literal: the server has decoded the URL once already, and nobody decodes it again.
- Symbolic links are followed as long as they stay inside. That a path is prefixed like the directory
  (`/srv/files-private` beside `/srv/files`) is nothing to it.
- `open` checks and opens in one step. `resolve` can only tell how things are at that moment: whoever can write to the
  directory can change them before the path is used, so open with `open` wherever you can.
- Only regular files are opened. A hard link is a file like any other; keep other people from making them (on Linux,
  `fs.protected_hardlinks`).

A path that is refused raises `PathNotAllowed`, a 400 with a fixed text and a `reason` for the log. What does not exist
raises `FileNotFoundError`. Other errors of the system (a full disk, too many open files) are no matter of the path, and
stay `OSError`.

    >>> import tempfile
    >>> uploads = SafeDirectory(tempfile.mkdtemp())
    >>> with uploads.open("report.txt", "w") as file:
    ...     _ = file.write("fine")
    >>> uploads.resolve("report.txt").read_text()
    'fine'
    >>> uploads.open("../etc/passwd")
    Traceback (most recent call last):
    asgisec.errors.PathNotAllowed: 400: This path is not allowed.
"""

import errno
import os
import re
import stat
from pathlib import Path
from typing import IO, Any, NoReturn

from asgisec.errors import ConfigError, PathNotAllowed
from asgisec.inputs._beneath import strongest

__all__ = ["SafeDirectory"]

# PATH_MAX of Linux; no system takes a longer one.
_MAX_LENGTH = 4096

_SUSPECT = re.compile(r"[\x00-\x1f\x7f\\\ud800-\udfff]|^/|^[A-Za-z]:|(?:^|/)\.\.(?:/|\Z)")
_NAMES_NOTHING = re.compile(r"(?:\./|/)*\.?\Z")
_DRIVE = re.compile(r"[A-Za-z]:")

# https://learn.microsoft.com/windows/win32/fileio/naming-a-file, "Naming Conventions"; with any extension, too.
_DEVICE = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3])\s*(?:\.|\Z)", re.IGNORECASE
)

# What the system says of a path that leads nowhere: no such name, a file in a directory's place, a directory in a
# file's, and a FIFO or socket nobody is at the other end of.
_MISSING = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENXIO, errno.ENODEV}
_REFUSED = {
    errno.EXDEV: "path_escapes",
    errno.ELOOP: "path_escapes",
    errno.EMLINK: "path_escapes",  # FreeBSD's ELOOP of O_NOFOLLOW
    errno.ENAMETOOLONG: "path_too_long",
    errno.EACCES: "path_not_permitted",
    errno.EPERM: "path_not_permitted",
    errno.EINVAL: "path_unprintable",
    errno.EILSEQ: "path_unprintable",
}


class SafeDirectory:
    """A directory whose files a request may name, and nothing outside it.

    On Linux the kernel keeps the path inside (openat2); on other Unix systems it is followed name by name on directory
    descriptors. On Windows, which has no such descriptors, the path is checked before and after it is opened; there, do
    not let strangers make links in the directory while it is served.

    Args:
        base: The directory. Where it is a symbolic link, what that leads to now is meant from now on.

    Raises:
        ConfigError: It does not exist, is no directory, or is the root of the file system.
    """

    __slots__ = ("_beneath", "base")

    def __init__(self, base: str | os.PathLike[str]) -> None:
        if not isinstance(base, str | os.PathLike) or not os.fspath(base) or not Path(base).is_dir():
            raise ConfigError("SafeDirectory(base=)", base, "give the path of a directory that exists")
        self.base = Path(base).resolve()
        if self.base == self.base.parent:
            raise ConfigError("SafeDirectory(base=)", base, "give a directory below the root, for these files only")
        # Not resolved: a link in the directory may name it as it was given here.
        self._beneath = strongest(str(self.base), (str(Path(base).absolute()),))

    def __repr__(self) -> str:
        return f"SafeDirectory({str(self.base)!r})"

    def resolve(self, user_path: str | os.PathLike[str], must_exist: bool = True) -> Path:
        """Return the path that `user_path` leads to now, inside the directory and without symbolic links.

        Args:
            user_path: The path from outside, already decoded once, relative to the directory.
            must_exist: Whether a path that does not exist is an error. Else it is where one could be made.

        Raises:
            PathNotAllowed: It leads, or could lead, out of the directory, or is no path at all.
            FileNotFoundError: It does not exist.
        """
        path = _accepted(user_path)
        try:
            resolved = self._beneath.resolve(path, must_exist=must_exist)
        except (OSError, UnicodeEncodeError) as error:
            _refuse(error)
        if resolved == str(self.base):
            raise PathNotAllowed(reason="path_names_base")
        return Path(resolved)

    def open(self, user_path: str | os.PathLike[str], mode: str = "rb", **options: Any) -> IO[Any]:
        """Open a file inside the directory; no link and no race leads to one outside, and only regular files open.

        Args:
            user_path: The path from outside, already decoded once, relative to the directory.
            mode: As for the built-in `open`, but bytes are the default. What `"w"`, `"x"` and `"a"` make is inside.
            options: `buffering`, `encoding`, `errors`, `newline` of the built-in `open`.

        Raises:
            PathNotAllowed: It leads, or could lead, out of the directory, or is no path at all.
            FileNotFoundError: It does not exist, or is not a regular file.
            FileExistsError: It exists, and the mode is `"x"`.
        """
        path = _accepted(user_path)

        def opener(_: str, flags: int) -> int:
            return self._opened(path, flags)

        try:
            return open(path, mode, opener=opener, **options)
        except UnicodeEncodeError as error:
            _refuse(error)

    def _opened(self, path: str, flags: int) -> int:
        # Without O_NONBLOCK a FIFO would hold the caller until somebody writes to it. Nothing is emptied before it is
        # known to be a regular file.
        asked = flags & ~os.O_TRUNC | getattr(os, "O_NONBLOCK", 0)
        try:
            descriptor = self._beneath.open(path, asked, 0o666 if flags & os.O_CREAT else 0)
        except OSError as error:
            _refuse(error)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        if flags & os.O_TRUNC:
            _empty(descriptor)
        return descriptor


def _empty(descriptor: int) -> None:
    try:
        os.ftruncate(descriptor, 0)
    except OSError:
        os.close(descriptor)
        raise


def _accepted(user_path: object) -> str:
    """Return the path as text, or refuse it for what it says."""
    path = user_path
    if isinstance(path, os.PathLike):
        path = os.fspath(path)
    if not isinstance(path, str):
        raise PathNotAllowed(reason="path_not_text")
    if len(path) > _MAX_LENGTH:
        raise PathNotAllowed(reason="path_too_long")
    if _SUSPECT.search(path):
        raise PathNotAllowed(reason=_suspicion(path))
    if _NAMES_NOTHING.match(path):
        raise PathNotAllowed(reason="path_names_base")
    if os.name == "nt" and _means_something_else_on_windows(path):
        raise PathNotAllowed(reason="path_windows_form")
    return path


def _suspicion(path: str) -> str:
    if "\\" in path or _DRIVE.match(path):
        return "path_windows_form"
    if path.startswith("/"):
        return "path_absolute"
    return "path_parent" if ".." in path.split("/") else "path_unprintable"


def _means_something_else_on_windows(path: str) -> bool:
    names = [name for name in path.split("/") if name not in {"", "."}]
    return ":" in path or any(name[-1] in ". " or _DEVICE.match(name) for name in names)


def _refuse(error: OSError | UnicodeEncodeError) -> NoReturn:
    """Raise what the caller is to see of an error of the system; none of it names the path."""
    if isinstance(error, UnicodeEncodeError):
        raise PathNotAllowed(reason="path_unprintable") from None
    if error.errno in _MISSING:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)) from None
    if error.errno in _REFUSED:
        raise PathNotAllowed(reason=_REFUSED[error.errno]) from None
    raise type(error)(error.errno, os.strerror(error.errno or 0)) from None
