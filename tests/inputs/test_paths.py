"""`SafeDirectory`, by every means that it has: the kernel's, the walk, and the check before and after."""

import ctypes
import errno
import io
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, Any
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asgisec.errors import ConfigError, PathNotAllowed
from asgisec.inputs import SafeDirectory, _beneath, paths

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


@pytest.fixture(params=MEANS)
def tree(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    if request.param == "kernel" and not LINUX:
        pytest.skip("this kernel has no openat2")
    monkeypatch.setattr(paths, "strongest", MEANS[request.param])
    base = plant(tmp_path)
    return Tree(tmp_path, base, SafeDirectory(base))


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


@pytest.mark.parametrize("name", LEGAL)
def test_what_is_inside_is_found(tree: Tree, name: str) -> None:
    given_path, real = LEGAL[name]
    assert tree.files.resolve(given_path) == tree.base / real
    assert tree.files.resolve(given_path, must_exist=False) == tree.base / real
    with tree.files.open(given_path) as file:
        assert file.read() == real.encode()


@pytest.mark.parametrize(
    "name",
    [
        "Grüße.txt",
        "日本語/ファイル.txt",
        "שלום",
        "🚀.txt",
        "ｆｕｌｌ．txt",
        "a\u0301.txt",
        "a\u00a0b",
        "con:x",
        "~root",
        "$HOME",
        "-rf",
        "*",
    ],
)
def test_honest_names_are_made_found_and_read(tree: Tree, name: str) -> None:
    path = tree.files.resolve(name, must_exist=False)
    assert path == tree.base / name
    path.parent.mkdir(exist_ok=True)
    with tree.files.open(name, "x", encoding="utf-8") as file:
        file.write(name)
    assert tree.files.resolve(name).read_text() == name


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


@pytest.mark.parametrize("name", ESCAPES)
def test_what_is_outside_is_refused(tree: Tree, name: str) -> None:
    path, reason = ESCAPES[name]
    attempts: list[Callable[[], object]] = [
        lambda: tree.files.resolve(path),
        lambda: tree.files.resolve(path, must_exist=False),
        lambda: tree.files.open(path),
        lambda: tree.files.open(path, "w"),
        lambda: tree.files.open(path, "x"),
    ]
    for attempt in attempts:
        with pytest.raises((PathNotAllowed, FileExistsError)) as caught:
            attempt()
        if isinstance(caught.value, PathNotAllowed):
            assert caught.value.reason == reason
            assert caught.value.status_code == 400
            assert str(caught.value) == "400: This path is not allowed."
            assert caught.value.__cause__ is None
            assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert (tree.root / "secret.txt").read_text() == SECRET


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


@pytest.mark.parametrize("path", ENCODINGS)
def test_no_encoding_of_a_way_out_leads_out(tree: Tree, path: str) -> None:
    spellings = {path}
    for _ in range(3):  # a server decodes once; a careless application once or twice more
        spellings |= {unquote(spelling, errors="surrogateescape") for spelling in spellings}
    for spelling in spellings:
        with pytest.raises((PathNotAllowed, FileNotFoundError)) as caught:
            tree.files.open(spelling)
        assert caught.type in {PathNotAllowed, FileNotFoundError}
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "path",
    [
        "nothing",
        "nothing/below",
        "a.txt/",
        "a.txt/.",
        "a.txt/below",
        "dangling",
        "sub/deep/",
        "fifo",
        "sub",
        "base",
        "climbs",
        "loop/x",
        "x" * 300,
    ],
)
def test_what_is_no_file_is_not_opened(tree: Tree, path: str) -> None:
    with pytest.raises((FileNotFoundError, PathNotAllowed)) as caught:
        tree.files.open(path)
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    assert path not in str(caught.value)


@pytest.mark.parametrize("path", ["nothing", "nothing/below", "a.txt/below", "dangling"])
def test_what_does_not_exist_is_not_resolved(tree: Tree, path: str) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        tree.files.resolve(path)
    assert path not in str(caught.value)


def test_where_a_new_file_would_be(tree: Tree) -> None:
    assert tree.files.resolve("new/er/x.txt", must_exist=False) == tree.base / "new/er/x.txt"
    assert tree.files.resolve("directory/./x.txt", must_exist=False) == tree.base / "sub/x.txt"
    assert tree.files.resolve("dangling", must_exist=False) == tree.base / "sub/new.txt"
    for path in ("dangling-out", "climbs"):
        with pytest.raises(PathNotAllowed):
            tree.files.resolve(path, must_exist=False)


@pytest.mark.parametrize("path", ["base", "itself", "itself/."])
def test_a_link_to_the_directory_is_not_in_it(tree: Tree, path: str) -> None:
    with pytest.raises(PathNotAllowed) as caught:
        tree.files.resolve(path)
    assert caught.value.reason == "path_names_base"


@pytest.mark.parametrize("mode", ["w", "wb", "w+", "a", "r+"])
def test_links_are_not_written_through(tree: Tree, mode: str) -> None:
    for path in ("out", "out-absolute", "dangling-out", "out-sibling"):
        with pytest.raises(PathNotAllowed):
            tree.files.open(path, mode)
    assert (tree.root / "secret.txt").read_text() == SECRET
    assert not (tree.root / "new.txt").exists()


def test_modes(tree: Tree) -> None:
    def write(mode: str, content: Any, **options: Any) -> None:
        with tree.files.open("m.txt", mode, **options) as file:
            file.write(content)

    write("x", "one\n", encoding="utf-8", newline="\r\n")
    assert (tree.base / "m.txt").read_bytes() == b"one\r\n"
    write("wb", b"two")
    write("ab", b"three")
    with tree.files.open("m.txt", "r+", encoding="utf-8") as file:
        assert file.read() == "twothree"
        file.seek(0)
        file.write("TWO")
    with tree.files.open("m.txt", "rb", buffering=0) as raw:
        assert isinstance(raw, io.FileIO)
        assert raw.read() == b"TWOthree"
        assert os.fstat(raw.fileno()).st_size == 8
        assert not os.get_inheritable(raw.fileno())
    with pytest.raises(FileExistsError) as caught:
        tree.files.open("m.txt", "x")
    assert "m.txt" not in str(caught.value)


@pytest.mark.parametrize(
    ("mode", "options", "expected"),
    [
        pytest.param("q", {}, ValueError, id="no mode"),
        pytest.param("rb", {"encoding": "utf-8"}, ValueError, id="encoding of bytes"),
        pytest.param("r", {"encoding": "no-such-encoding"}, LookupError, id="unknown encoding"),
        pytest.param("rb", {"opener": None}, TypeError, id="opener of one's own"),
    ],
)
def test_wrong_arguments_leave_nothing_open(
    tree: Tree, mode: str, options: dict[str, Any], expected: type[Exception]
) -> None:
    before = len(list(Path("/proc/self/fd").iterdir())) if LINUX else 0
    with pytest.raises(expected):
        tree.files.open("a.txt", mode, **options)
    assert not LINUX or len(list(Path("/proc/self/fd").iterdir())) == before


def test_nothing_stays_open_after_refusals(tree: Tree) -> None:
    before = len(list(Path("/proc/self/fd").iterdir())) if LINUX else 0
    for path, _ in ESCAPES.values():
        for use in (tree.files.open, tree.files.resolve):
            with pytest.raises(PathNotAllowed):
                use(path)
    for path in ("sub", "fifo", "nothing", "dangling"):
        with pytest.raises(FileNotFoundError):
            tree.files.open(path)
    assert not LINUX or len(list(Path("/proc/self/fd").iterdir())) == before


def test_only_regular_files_open(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree.base)  # the addresses of sockets are short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        for mode in ("rb", "wb", "ab"):
            for path in ("fifo", "socket", "sub"):
                with pytest.raises(FileNotFoundError):
                    tree.files.open(path, mode)


@pytest.mark.skipif(not LINUX or os.geteuid() != 0, reason="only root makes devices")
def test_devices_do_not_open(tree: Tree) -> None:
    os.mknod(tree.base / "null", 0o666 | 0o020000, os.makedev(1, 3))
    with pytest.raises((FileNotFoundError, PathNotAllowed)):
        tree.files.open("null", "wb")


@pytest.mark.skipif(not LINUX, reason="/proc is Linux's")
@pytest.mark.parametrize("means", ["kernel", "walk"])
@pytest.mark.parametrize("path", ["root/etc/passwd", "cwd/x", "exe", "fd/0"])
def test_magic_links_are_not_followed(means: str, path: str) -> None:
    files = SafeDirectory("/proc/self")
    files._beneath = MEANS[means](str(files.base), ())
    with pytest.raises((PathNotAllowed, FileNotFoundError)):
        files.open(path)


@pytest.mark.parametrize(
    ("base", "mend"),
    [
        pytest.param("", "give the path of a directory that exists", id="empty"),
        pytest.param("/no/such/directory", "give the path of a directory that exists", id="missing"),
        pytest.param(__file__, "give the path of a directory that exists", id="file"),
        pytest.param("/", "give a directory below the root", id="root"),
        pytest.param("/tmp/..", "give a directory below the root", id="root in disguise"),  # noqa: S108
        pytest.param("\x00", "give the path of a directory that exists", id="NUL"),
    ],
)
def test_wrong_bases(base: str, mend: str) -> None:
    with pytest.raises(ConfigError) as caught:
        SafeDirectory(base)
    assert mend in str(caught.value)


def test_a_base_may_be_a_link_or_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = plant(tmp_path)
    (tmp_path / "current").symlink_to(base)
    monkeypatch.chdir(tmp_path)
    (base / "by-alias").symlink_to(tmp_path / "current" / "a.txt")
    files = SafeDirectory("current")
    assert files.base == base
    assert repr(files) == f"SafeDirectory({str(base)!r})"
    assert files.resolve("by-alias") == base / "a.txt"
    (tmp_path / "current").unlink()
    monkeypatch.chdir("/")
    assert files.resolve("a.txt") == base / "a.txt"


def failing(code: int) -> Callable[..., int]:
    def fail(*_: object, **__: object) -> int:
        raise OSError(code, os.strerror(code), "the/name")

    return fail


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        pytest.param(errno.EACCES, PathNotAllowed, id="no permission"),
        pytest.param(errno.EINVAL, PathNotAllowed, id="a name the file system does not take"),
        pytest.param(errno.ENXIO, FileNotFoundError, id="nobody at the other end"),
        pytest.param(errno.EMFILE, OSError, id="too many open files"),
        pytest.param(errno.ENOSPC, OSError, id="disk full"),
        pytest.param(errno.EROFS, OSError, id="read-only"),
    ],
)
def test_errors_of_the_system_name_no_path(
    tree: Tree, monkeypatch: pytest.MonkeyPatch, code: int, expected: type[Exception]
) -> None:
    monkeypatch.setattr(type(tree.files._beneath), "open", failing(code))
    monkeypatch.setattr(type(tree.files._beneath), "resolve", failing(code))
    for use in (tree.files.open, tree.files.resolve):
        with pytest.raises(expected) as caught:
            use("a.txt")
        assert type(caught.value) is expected
        assert "the/name" not in str(caught.value)


def test_names_that_the_locale_cannot_write_are_refused(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> int:
        raise UnicodeEncodeError("ascii", "ü", 0, 1, "ordinal not in range")

    monkeypatch.setattr(type(tree.files._beneath), "open", fail)
    monkeypatch.setattr(type(tree.files._beneath), "resolve", fail)
    for use in (tree.files.open, tree.files.resolve):
        with pytest.raises(PathNotAllowed):
            use("ü")


def test_a_file_that_cannot_be_emptied_is_closed(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    before = len(list(Path("/proc/self/fd").iterdir())) if LINUX else 0
    monkeypatch.setattr(os, "ftruncate", failing(errno.EIO))
    with pytest.raises(OSError):  # noqa: PT011
        tree.files.open("a.txt", "w")
    assert not LINUX or len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize(
    ("path", "refused"),
    [
        pytest.param("a.txt", False, id="name"),
        pytest.param("sub/a.b.c", False, id="dots inside"),
        pytest.param("./a", False, id="dot first"),
        pytest.param("console.txt", False, id="name that begins like a device"),
        pytest.param("sub/CON", True, id="device"),
        pytest.param("nul.txt", True, id="device with an extension"),
        pytest.param("com1 .txt", True, id="device with a space"),
        pytest.param("lpt\u00b2", True, id="device with a superscript"),
        pytest.param("CONIN$", True, id="console"),
        pytest.param("a.txt:stream", True, id="stream"),
        pytest.param("a.txt::$DATA", True, id="stream by its type"),
        pytest.param("a.txt.", True, id="dot at the end"),
        pytest.param("a.txt ", True, id="space at the end"),
        pytest.param("sub./a.txt", True, id="directory with a dot at the end"),
        pytest.param("...", True, id="three dots"),
    ],
)
def test_windows_names(tree: Tree, monkeypatch: pytest.MonkeyPatch, path: str, refused: bool) -> None:
    assert paths._means_something_else_on_windows(path) is refused
    monkeypatch.setattr(os, "name", "nt")
    if refused:
        with pytest.raises(PathNotAllowed) as caught:
            paths._accepted(path)
        assert caught.value.reason == "path_windows_form"
    else:
        assert paths._accepted(path) == path


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SafeDirectory]:
    base = plant(tmp_path_factory.mktemp("shared"))
    made = {name: SafeDirectory(base) for name in MEANS if LINUX or name != "kernel"}
    for name, files in made.items():
        files._beneath = MEANS[name](str(base), ())
    return made


segments = st.sampled_from(
    [
        "..",
        ".",
        "",
        "a.txt",
        "sub",
        "deep",
        "b.txt",
        "in",
        "out",
        "out-directory",
        "base",
        "itself",
        "loop",
        "climbs",
        "files",
        "secret.txt",
        "files-evil",
        "directory",
        "out-by-parent",
        "\\",
        "C:",
        "%2e%2e",
        "nothing",
        "etc",
        "proc",
        "self",
        "root",
    ]
) | st.text(alphabet=st.characters(codec=None), max_size=5)


@settings(max_examples=300, deadline=None)
@given(path=st.lists(segments, max_size=7).map("/".join) | st.binary(max_size=20))
def test_no_path_leads_out(shared: dict[str, SafeDirectory], path: str) -> None:
    answers: dict[str, Path | None] = {}
    for means, files in shared.items():
        try:
            with files.open(path) as file:
                assert file.read() != SECRET.encode()
            found = files.resolve(path)
        except (PathNotAllowed, FileNotFoundError):
            answers[means] = None
        else:
            answers[means] = found
            assert found.is_relative_to(files.base)
    assert answers.get("kernel", answers["walk"]) == answers["walk"]


@pytest.mark.parametrize("path", ["out-directory/files/a.txt", "out-and-in"])
def test_a_way_out_and_in_again_is_refused_where_each_step_is_seen(shared: dict[str, SafeDirectory], path: str) -> None:
    for means, files in shared.items():
        if means == "check":  # sees where the path ends
            assert files.resolve(path) == files.base / "a.txt"
        else:
            with pytest.raises(PathNotAllowed):
                files.resolve(path)


class TestTheKernel:
    @pytest.fixture
    def tree(self, tmp_path: Path) -> Tree:
        if not LINUX:
            pytest.skip("this kernel has no openat2")
        base = plant(tmp_path)
        return Tree(tmp_path, base, SafeDirectory(base))

    def test_is_asked_where_it_answers(self, tree: Tree) -> None:
        assert type(tree.files._beneath) is _beneath.Kernel

    @pytest.mark.parametrize(
        ("change", "means"),
        [
            pytest.param(("_SYS_OPENAT2", 100_000), _beneath.Walker, id="kernel without the call"),
            pytest.param(("_NO_FOLLOW", 0), _beneath.Checker, id="system without O_NOFOLLOW"),
        ],
    )
    def test_has_stand_ins(
        self, tree: Tree, monkeypatch: pytest.MonkeyPatch, change: tuple[str, int], means: type
    ) -> None:
        monkeypatch.setattr(_beneath, *change)
        assert type(_beneath.strongest(str(tree.base))) is means

    def test_is_not_asked_on_other_systems(self, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "platform", "darwin")
        assert type(_beneath.strongest(str(tree.base))) is _beneath.Walker
        monkeypatch.setattr(os, "supports_dir_fd", set())
        assert type(_beneath.strongest(str(tree.base))) is _beneath.Checker

    @pytest.mark.parametrize("code", [errno.EAGAIN, errno.EINTR])
    def test_is_asked_again_and_then_walked(self, tree: Tree, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
        calls = []

        def busy(*_: object) -> int:
            calls.append(1)
            return -1

        monkeypatch.setattr(_beneath, "_syscall", lambda: busy)
        monkeypatch.setattr(ctypes, "get_errno", lambda: code)
        if code == errno.EAGAIN:
            assert tree.files.resolve("in") == tree.base / "sub/b.txt"
            with tree.files.open("in") as file:
                assert file.read() == b"sub/b.txt"
        else:
            with pytest.raises(InterruptedError):
                tree.files.open("in")
        assert len(calls) in {_beneath._TRIES, 2 * _beneath._TRIES}

    @pytest.mark.parametrize(
        "answer", [failing(errno.ENOENT), lambda _: "/somewhere/else", lambda _: "(unreachable)/a.txt"]
    )
    def test_is_not_taken_at_a_name_from_elsewhere(
        self, tree: Tree, monkeypatch: pytest.MonkeyPatch, answer: Callable[[str], str]
    ) -> None:
        read = os.readlink
        monkeypatch.setattr(
            os, "readlink", lambda path, **kw: answer(path) if str(path).startswith("/proc") else read(path, **kw)
        )
        assert tree.files.resolve("sub/up") == tree.base / "a.txt"


class TestTheWalk:
    def test_a_link_swapped_in_after_it_was_read_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        base = plant(tmp_path)
        walker = _beneath.Walker(str(base))
        monkeypatch.setattr(_beneath._Walk, "_is_link", lambda *_: False)
        with pytest.raises(OSError) as resolved:  # noqa: PT011
            walker.resolve("out", must_exist=True)
        with pytest.raises(OSError) as opened:  # noqa: PT011
            walker.open("out", os.O_RDONLY, 0)
        with pytest.raises(OSError):  # noqa: PT011
            walker.open("out-directory/secret.txt", os.O_RDONLY, 0)
        assert resolved.value.errno == opened.value.errno == errno.ELOOP

    def test_the_way_down_is_not_longer_than_a_process_has_descriptors(self, tmp_path: Path) -> None:
        base = plant(tmp_path)
        deep = "d/" * (_beneath._MAX_DEPTH + 1)
        (base / deep).mkdir(parents=True)
        (base / deep / "a.txt").touch()
        walker = _beneath.Walker(str(base))
        os.close(walker.open(deep[2:] + "../a.txt", os.O_RDONLY | os.O_CREAT, 0o600))
        with pytest.raises(OSError) as caught:  # noqa: PT011
            walker.open(deep + "a.txt", os.O_RDONLY, 0)
        assert caught.value.errno == errno.ENAMETOOLONG


class TestTheCheck:
    def test_what_was_swapped_in_between_is_closed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        base = plant(tmp_path)
        checker = _beneath.Checker(str(base))
        resolve = checker.resolve
        answers = iter([str(tmp_path / "secret.txt"), str(base / "a.txt")])
        monkeypatch.setattr(checker, "resolve", lambda *_, **__: next(answers))
        with pytest.raises(OSError) as caught:  # noqa: PT011
            checker.open("a.txt", os.O_RDONLY, 0)
        assert caught.value.errno == errno.EXDEV
        monkeypatch.setattr(
            checker,
            "resolve",
            lambda path, must_exist: failing(errno.EXDEV)() if must_exist else resolve(path, must_exist=False),
        )
        with pytest.raises(OSError):  # noqa: PT011
            checker.open("a.txt", os.O_RDONLY, 0)


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
