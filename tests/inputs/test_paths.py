"""`SafeDirectory`, by every means that it has: the kernel's, the walk, and the check before and after."""

import errno
import io
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asgisec.errors import ConfigError, PathNotAllowed
from asgisec.inputs import SafeDirectory, paths
from tests.descriptors import opened
from tests.inputs.path_vectors import ENCODINGS, ESCAPES, LEGAL, LINUX, MEANS, SECRET, Tree, failing, plant

if TYPE_CHECKING:
    from collections.abc import Callable


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
    before = opened(tree.root)
    with pytest.raises(expected):
        tree.files.open("a.txt", mode, **options)
    assert opened(tree.root) == before


def test_nothing_stays_open_after_refusals(tree: Tree) -> None:
    before = opened(tree.root)
    for path, _ in ESCAPES.values():
        for use in (tree.files.open, tree.files.resolve):
            with pytest.raises(PathNotAllowed):
                use(path)
    for path in ("sub", "fifo", "nothing", "dangling"):
        with pytest.raises(FileNotFoundError):
            tree.files.open(path)
    assert opened(tree.root) == before


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
        pytest.param(None, "give the path of a directory that exists", id="a variable that is not set"),
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
    before = opened(tree.root)
    monkeypatch.setattr(os, "ftruncate", failing(errno.EIO))
    with pytest.raises(OSError):  # noqa: PT011
        tree.files.open("a.txt", "w")
    assert opened(tree.root) == before


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
