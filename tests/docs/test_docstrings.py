"""The examples in the package's docstrings do what they show."""

import doctest
from importlib import import_module

import pytest

from tests.docs.pages import ROOT

_FILES = [file for file in sorted(ROOT.glob("asgisec/**/*.py")) if ">>> " in file.read_text("utf-8")]


@pytest.mark.parametrize("module", [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in _FILES])
def test_examples(module: str) -> None:
    result = doctest.testmod(import_module(module))
    assert result.attempted > 0
    assert result.failed == 0
