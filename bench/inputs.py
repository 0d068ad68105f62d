"""What input hardening costs, beside the same work by hand and in other packages."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import bleach  # type: ignore[import-untyped]
import nh3
from pydantic import BaseModel, StringConstraints

from asgisec.inputs import PlainText, SafeDirectory, Slug, Username, sanitize_html
from bench.calls import Against, Call, CallGroup, CallOutcome, measure_calls

__all__ = ["PEERS", "groups", "measured"]

PEERS = ("bleach", "nh3", "pydantic")

COMMENT = (
    "<p>I <b>really</b> liked this, see <a href='https://example.com/?a=1&amp;b=2'>the <i>other</i> page</a> &amp; "
    "more.</p>"
    "<ul><li>one</li><li>two <em>2</em></li></ul><p>Thanks<br>A.</p>"
)
TEXTS = {
    "short comment": "Nice <b>work</b>!",
    "comment": COMMENT,
    "long comment": COMMENT * 20,
    "attack": COMMENT + "<img src=x onerror=steal()><script>steal()</script><a href='javascript:steal()'>x</a>",
}
# A table that goes leaves a nesting that the parser has to settle in a second pass.
UNSETTLED = {"table": "<table><tr><td>" + COMMENT + "</table>"}
TAGS = {"a", "b", "br", "em", "i", "li", "ol", "p", "strong", "ul"}


def by_nh3(text: str) -> str:
    return nh3.clean(
        text,
        tags=TAGS,
        attributes={"*": set(), "a": {"href"}},
        url_schemes={"https"},
        url_relative="deny",
        link_rel="noopener noreferrer nofollow ugc",
    )


def by_bleach(text: str) -> str:
    return str(bleach.clean(text, tags=TAGS, attributes={"a": ["href"]}, protocols=["https"], strip=True))


def checked_by_hand(base: str, path: str) -> Path:
    real = os.path.realpath(Path(base) / path)
    if os.path.commonpath([base, real]) != base:
        raise ValueError
    return Path(real)


def opened_safely(files: SafeDirectory, path: str) -> None:
    files.open(path).close()


def opened_by_hand(base: str, path: str) -> None:
    checked_by_hand(base, path).open("rb").close()


class Ours(BaseModel):
    name: Username
    slug: Slug
    title: PlainText


class ByHand(BaseModel):
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+$", min_length=3, max_length=30)]
    slug: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", min_length=1, max_length=100)]
    title: Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]*$", max_length=10_000)]


PATHS = ("a.txt", "one/two/three/four/a.txt")
BODY = b'{"name": "ada_lovelace", "slug": "notes-on-the-engine", "title": "Notes on the Analytical Engine"}'

_NH3 = "nh3.clean, same sets"
_BLEACH = "bleach.clean, same tags"
_REALPATH = "os.path.realpath and a check"
_REALPATH_OPEN = "realpath, a check, open (a race)"
_BY_HAND = "StringConstraints by hand"


def measured(rounds: int) -> Iterator[CallOutcome]:
    """Measure one group after the other."""
    with groups() as listed:
        for group in listed:
            yield measure_calls(group, rounds=rounds)


@contextmanager
def groups() -> Iterator[list[CallGroup]]:
    """Give what is measured, while the directory is there that some of it works on."""
    with tempfile.TemporaryDirectory() as directory:
        base = os.path.realpath(directory)
        for path in PATHS:
            target = Path(base) / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text("x")
        yield [
            CallGroup("sanitize_html", _html(TEXTS), [Against(_NH3, 1.1), Against(_BLEACH)], same=[_NH3]),
            CallGroup("sanitize_html, two passes", _html(UNSETTLED), [Against(_NH3), Against(_BLEACH)], same=[_NH3]),
            CallGroup("SafeDirectory.resolve", _resolve(base), [Against(_REALPATH, 2.0)], same=[_REALPATH]),
            CallGroup("SafeDirectory.open", _open(base), [Against(_REALPATH_OPEN)]),
            CallGroup("Three fields in a pydantic model", {"from JSON": _MODELS}, [Against(_BY_HAND)]),
        ]


def _html(texts: dict[str, str]) -> dict[str, dict[str, Call]]:
    return {
        name: {
            "sanitize_html": partial(sanitize_html, text),
            _NH3: partial(by_nh3, text),
            _BLEACH: partial(by_bleach, text),
        }
        for name, text in texts.items()
    }


def _resolve(base: str) -> dict[str, dict[str, Call]]:
    files = SafeDirectory(base)
    return {
        _column(path): {
            "SafeDirectory.resolve": partial(files.resolve, path),
            _REALPATH: partial(checked_by_hand, base, path),
        }
        for path in PATHS
    }


def _open(base: str) -> dict[str, dict[str, Call]]:
    files = SafeDirectory(base)
    return {
        _column(path): {
            "SafeDirectory.open": partial(opened_safely, files, path),
            _REALPATH_OPEN: partial(opened_by_hand, base, path),
        }
        for path in PATHS
    }


def _column(path: str) -> str:
    deep = path.count("/")
    return f"{deep} deep" if deep else path


_MODELS: dict[str, Call] = {
    "Username, Slug, PlainText": partial(Ours.model_validate_json, BODY),
    _BY_HAND: partial(ByHand.model_validate_json, BODY),
}
