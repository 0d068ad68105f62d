"""Fixtures for several files of this directory."""

from pathlib import Path

import pytest

from asgisec.inputs import SafeDirectory, paths
from tests.inputs.path_vectors import LINUX, MEANS, Tree, plant


@pytest.fixture(params=MEANS)
def tree(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    if request.param == "kernel" and not LINUX:
        pytest.skip("this kernel has no openat2")
    monkeypatch.setattr(paths, "strongest", MEANS[request.param])
    base = plant(tmp_path)
    return Tree(tmp_path, base, SafeDirectory(base))
