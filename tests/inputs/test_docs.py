"""What the documentation shows is so."""

import doctest
import importlib
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", ["email_address", "html", "paths", "sql", "text"])
def test_examples_of_the_modules(name: str) -> None:
    module = importlib.import_module(f"asgisec.inputs.{name}")
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize("page", sorted(DOCS.glob("inputs-*.md")), ids=lambda page: page.stem)
def test_examples_of_the_pages_are_python_with_names_that_exist(page: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        compile(block, page.name, "exec")
        for line in re.findall(r"^from asgisec.*", block, re.MULTILINE):
            exec(line, {})  # noqa: S102 - an import of the documentation
