"""What the documentation shows is so."""

import doctest
import importlib
import re
import subprocess
import sys
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


def test_plain_callables_need_no_extra() -> None:
    code = (
        "import sys, asgisec.inputs as i; i.Username('ada'); i.sanitize_html(''); i.PlainText('ü'); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=DOCS.parent, capture_output=True, check=True, text=True)  # noqa: S603
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert loaded.isdisjoint(
        {"pydantic", "pydantic_core", "email_validator", "fastapi", "litestar", "msgspec", "sqlalchemy"}
    )
