"""The benchmark of input hardening measures what it says, and all of it."""

import pytest

from bench import inputs


def test_it_measures_everything(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(inputs, "ROUNDS", 2)
    for part in (inputs.html, inputs.paths, inputs.text):
        part()
    printed = capsys.readouterr().out
    for name in ("nh3.clean", "bleach.clean", "SafeDirectory.resolve", "SafeDirectory.open", "StringConstraints"):
        assert name in printed
