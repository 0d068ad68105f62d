"""The example does what it says."""

import subprocess
import sys

from tests.docs.pages import ROOT


def test_the_example() -> None:
    run = [sys.executable, "-W", "error", "examples/tokens/verify.py"]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, check=True, text=True)  # noqa: S603 - our own
    assert done.stdout.splitlines() == [
        "good: ada, read",
        "after a rotation, still good: ada",
        "changed: signature",
        "for others: audience",
        "expired: expired",
    ]


def test_the_example_of_sessions() -> None:
    run = [sys.executable, "-W", "error", "examples/tokens/sessions.py"]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, check=True, text=True)  # noqa: S603 - our own
    assert done.stdout.splitlines() == [
        "sessions: 2",
        "the copy: reused",
        "the phone, too: revoked",
        "the laptop goes on",
        "until all sessions end: revoked",
    ]
