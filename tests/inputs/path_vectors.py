"""A directory with traps around it, and the paths that try to get out of it."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from asgisec.inputs import SafeDirectory, _beneath

LINUX = _beneath._kernel_answers("/")
HONEST = b"honest"
SECRET = "the secret"  # noqa: S105 - the content of the file that nobody must reach


@dataclass
class Tree:
    """A directory, and around it what must not be reached."""

    root: Path
    base: Path
    files: SafeDirectory


MEANS: dict[str, Callable[[str, tuple[str, ...]], _beneath.Beneath]] = {
    "kernel": _beneath.Kernel,
    "walk": _beneath.Walker,
    "check": lambda base, _: _beneath.Checker(base),
}


def plant(root: Path) -> Path:
    base = root / "files"
    (base / "sub" / "deep").mkdir(parents=True)
    (root / "files-evil").mkdir()
    for secret in ("secret.txt", "files-evil/secret.txt"):
        (root / secret).write_text(SECRET)
    for name in (
        "a.txt",
        "sub/b.txt",
        "sub/deep/c.txt",
        "100%.txt",
        "with space.txt",
        "...",
        ".hidden",
        "a..b",
        "%2e%2e",
    ):
        (base / name).write_text(name)
    links: dict[str, str | Path] = {
        "in": "sub/b.txt",
        "in-absolute": base / "sub/b.txt",
        "sub/up": "../a.txt",
        "directory": "sub",
        "sub/deep/twice": "../../in-absolute",
        "sub/deep/absolute": base / "sub/b.txt",
        "itself": ".",
        "base": base,
        "out": "../secret.txt",
        "out-absolute": root / "secret.txt",
        "out-directory": "..",
        "out-root": "/",
        "out-sibling": "../files-evil/secret.txt",
        "out-and-in": "../files/a.txt",
        "sub/out-by-in": "../out",
        "out-prefix": f"{base}-evil/secret.txt",
        "out-by-parent": f"{base}/../secret.txt",
        "loop": "loop",
        "dangling": "sub/new.txt",
        "dangling-out": "../new.txt",
        "climbs": "sub/nothing/../../../secret.txt",
    }
    for name, target in links.items():
        (base / name).symlink_to(target)
    os.mkfifo(base / "fifo")
    return base


LEGAL: dict[str, tuple[Any, str]] = {
    "name": ("a.txt", "a.txt"),
    "directories": ("sub/deep/c.txt", "sub/deep/c.txt"),
    "dot first": ("./a.txt", "a.txt"),
    "dots between": ("sub/./deep/./c.txt", "sub/deep/c.txt"),
    "slashes doubled": ("sub//b.txt", "sub/b.txt"),
    "percent sign": ("100%.txt", "100%.txt"),
    "escaped dots are a name": ("%2e%2e", "%2e%2e"),
    "space": ("with space.txt", "with space.txt"),
    "three dots": ("...", "..."),
    "hidden": (".hidden", ".hidden"),
    "dots inside": ("a..b", "a..b"),
    "link": ("in", "sub/b.txt"),
    "absolute link that stays": ("in-absolute", "sub/b.txt"),
    "link up": ("sub/up", "a.txt"),
    "link to a directory": ("directory/b.txt", "sub/b.txt"),
    "link to a link": ("sub/deep/twice", "sub/b.txt"),
    "absolute link far down": ("sub/deep/absolute", "sub/b.txt"),
    "link to the place itself": ("itself/itself/a.txt", "a.txt"),
    "link to the directory": ("base/sub/base/a.txt".replace("sub/", ""), "a.txt"),
    "path object": (PurePosixPath("sub/b.txt"), "sub/b.txt"),
}

ESCAPES: dict[str, tuple[Any, str]] = {
    "parent": ("../secret.txt", "path_parent"),
    "parent of a directory": ("sub/../../secret.txt", "path_parent"),
    "parent that comes back": ("../files/a.txt", "path_parent"),
    "parent inside": ("sub/../a.txt", "path_parent"),
    "parent at the end": ("sub/..", "path_parent"),
    "parent alone": ("..", "path_parent"),
    "parents, many": ("../" * 64 + "etc/passwd", "path_parent"),
    "parent behind a file": ("a.txt/../../secret.txt", "path_parent"),
    "parent behind what is not there": ("nothing/../../secret.txt", "path_parent"),
    "parent with doubled slashes": ("..//..//secret.txt", "path_parent"),
    "sibling with the same prefix": ("../files-evil/secret.txt", "path_parent"),
    "absolute": ("/etc/passwd", "path_absolute"),
    "absolute, doubled": ("//etc/passwd", "path_absolute"),
    "root": ("/", "path_absolute"),
    "backslashes": ("..\\secret.txt", "path_windows_form"),
    "backslash inside": ("sub\\b.txt", "path_windows_form"),
    "mixed slashes": ("..\\/..\\/secret.txt", "path_windows_form"),
    "drive": ("C:/Windows/win.ini", "path_windows_form"),
    "drive with backslashes": ("c:\\Windows\\win.ini", "path_windows_form"),
    "drive without a root": ("C:secret.txt", "path_windows_form"),
    "share": ("\\\\server\\share\\x", "path_windows_form"),
    "device namespace": ("\\\\?\\C:\\x", "path_windows_form"),
    "NUL": ("a.txt\x00.png", "path_unprintable"),
    "NUL behind a parent": ("..\x00/secret.txt", "path_unprintable"),
    "line break": ("a.txt\n", "path_unprintable"),
    "terminal escape": ("\x1b[2Ja", "path_unprintable"),
    "half a surrogate pair": ("\udc80", "path_unprintable"),
    "undecodable byte": ("\udcff.txt", "path_unprintable"),
    "nothing": ("", "path_names_base"),
    "dot": (".", "path_names_base"),
    "dots and slashes": ("././/.", "path_names_base"),
    "too long": ("a/" * 3000, "path_too_long"),
    "bytes": (b"a.txt", "path_not_text"),
    "no path": (None, "path_not_text"),
    "number": (3, "path_not_text"),
    "windows path object": (PureWindowsPath("..\\secret.txt"), "path_windows_form"),
    "link out": ("out", "path_escapes"),
    "absolute link out": ("out-absolute", "path_escapes"),
    "link to the parent": ("out-directory/secret.txt", "path_escapes"),
    "link to the root": ("out-root/etc/passwd", "path_escapes"),
    "link to a sibling": ("out-sibling", "path_escapes"),
    "link to a link out": ("sub/out-by-in", "path_escapes"),
    "link with the same prefix": ("out-prefix", "path_escapes"),
    "link through the directory and out": ("out-by-parent", "path_escapes"),
}

ENCODINGS = [
    "../secret.txt",
    "..%2fsecret.txt",
    "%2e%2e/secret.txt",
    "%2e%2e%2fsecret.txt",
    "..%5csecret.txt",
    "%2e%2e%5csecret.txt",
    "..%252fsecret.txt",
    "%252e%252e%252fsecret.txt",
    "..%c0%afsecret.txt",
    "%c0%ae%c0%ae/secret.txt",
    "..%e0%80%afsecret.txt",
    "%uff0e%uff0e/secret.txt",
    "．．/secret.txt",
    "..／secret.txt",
    "..∕secret.txt",
    "‥/secret.txt",
    "..;/secret.txt",
    "....//secret.txt",
    "...//secret.txt",
    "..././secret.txt",
    ".../...//secret.txt",
    "..%00/secret.txt",
    "..%0d/secret.txt",
    "%2e%2e%c0%afsecret.txt",
    "..%u2215secret.txt",
    "..%ef%bc%8fsecret.txt",
    "&#46;&#46;/secret.txt",
    "\\u002e\\u002e/secret.txt",
    "sub/%2e%2e/%2e%2e/secret.txt",
    "sub/..%2f..%2fsecret.txt",
    "file:///etc/passwd",
    "file:../secret.txt",
    "/%2e%2e/secret.txt",
    "~/secret.txt",
    "~root/.profile",
    "$HOME/.profile",
    "${PWD}/../secret.txt",
    "`pwd`/../secret.txt",
    "..|secret.txt",
    "php://filter/resource=../secret.txt",
    "a.txt/../../secret.txt",
    "a.txt%00../../secret.txt",
    "\u202e../secret.txt",
    ". ./secret.txt",
    ".. /secret.txt",
    "..\u200b/secret.txt",
    ".\u200b./secret.txt",
    "..\xad/secret.txt",
    "/proc/self/root/etc/passwd",
    "//server/share/secret.txt",
    "secret.txt::$DATA",
    "..::$INDEX_ALLOCATION/secret.txt",
    "../files-evil/secret.txt",
    "CON",
    "nul.txt",
]


def failing(code: int) -> Callable[..., int]:
    def fail(*_: object, **__: object) -> int:
        raise OSError(code, os.strerror(code), "the/name")

    return fail
