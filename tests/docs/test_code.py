"""The code on the pages runs, and the answers shown are the answers given."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, Story, blocks, shown_answer, stories, tell

_STORIES = [pytest.param(story, id=story.name) for page in PAGES for story in stories(page)]


def check(story: Story) -> None:
    for block, answer in tell(story):
        assert shown_answer(block) == answer, f"{block.page.name}:{block.line}; see tests/docs/write.py"


@pytest.mark.parametrize("story", _STORIES)
def test_a_story_is_as_the_page_tells_it(story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # pages do not tidy up
    if not story.alone:
        check(story)
        return
    path = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
    run = [sys.executable, "-W", "error", "-m", "tests.docs.test_code", story.name]
    done = subprocess.run(  # noqa: S603 - this very module
        run, check=False, cwd=ROOT, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_only_known_marks_and_languages(page: Path) -> None:
    for block in blocks(page):
        assert block.language in {"python", "http", "sh", "text"}, block.line
        assert block.mark in {"", "continues", "https", "own process"}, block.line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_fence_escapes_the_tests(page: Path) -> None:
    opened = sum(line.lstrip().startswith("```") for line in page.read_text("utf-8").splitlines())
    assert opened == 2 * len(list(blocks(page)))


if __name__ == "__main__":
    for page in PAGES:
        for story in stories(page):
            if story.name == sys.argv[1]:
                check(story)
