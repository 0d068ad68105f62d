"""The means of `SafeDirectory`, each where it is the one that works and where it is not."""

import ctypes
import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from asgisec.inputs import SafeDirectory, _beneath
from tests.inputs.path_vectors import LINUX, Tree, failing, plant


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
