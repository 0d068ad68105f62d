"""The example does what it says."""

import subprocess
import sys

from tests.docs.pages import ROOT


def test_the_example() -> None:
    run = [sys.executable, "-W", "error", "examples/passwords/log_in.py"]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, check=True, text=True)  # noqa: S603 - our own
    assert done.stdout.splitlines() == [
        "ada: Many people use this password. Choose another.",
        "ada: registered",
        "ada logs in: True",
        "nobody logs in: False",
        "bob logs in, from bcrypt: True",
        "bob's hash is now $argon2id$",
        "of 120 guesses from 120 addresses 20 were held back",
        "ada logs in, during the attack: True",
    ]
