"""Tests in a browser run, are skipped with a reason, or fail: never does their absence look like success."""

from pathlib import Path

import pytest

from tests import browser


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("ASGISEC_TEST_CHROMIUM", raising=False)
    monkeypatch.delenv("ASGISEC_REQUIRE_BROWSER", raising=False)
    return monkeypatch


def test_without_a_browser_they_are_skipped(bare: pytest.MonkeyPatch) -> None:
    with pytest.raises(pytest.skip.Exception, match="no Chromium here"):
        browser.found()


def test_without_a_browser_they_fail_where_one_is_required(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("ASGISEC_REQUIRE_BROWSER", "1")
    with pytest.raises(pytest.fail.Exception, match="no Chromium here"):
        browser.found()


def test_a_browser_on_the_path_is_found(bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "chromium-browser"
    program.touch(0o700)
    assert browser.found() == str(program)


def test_a_browser_that_is_named_comes_first(bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "chromium").touch(0o700)
    bare.setenv("ASGISEC_TEST_CHROMIUM", "/opt/chrome")
    assert browser.found() == "/opt/chrome"
