"""What input hardening costs, beside the same work by hand.

Every round runs every variant once, in an order that turns; a figure is the median, over the rounds, of the quotient of
two variants of the same round. What disturbs one round disturbs both sides of it, and time is the CPU time of this
thread, so what other processes take is left out. What is measured is checked first.

    python -m bench.inputs
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import bleach  # type: ignore[import-untyped]
import nh3
from pydantic import BaseModel, StringConstraints

from asgisec.inputs import PlainText, SafeDirectory, Slug, Username, sanitize_html

ROUNDS = 300

COMMENT = (
    "<p>I <b>really</b> liked this, see <a href='https://example.com/?a=1&amp;b=2'>the <i>other</i> page</a> &amp; "
    "more.</p>"
    "<ul><li>one</li><li>two <em>2</em></li></ul><p>Thanks<br>A.</p>"
)
TEXTS = {
    "a short comment": "Nice <b>work</b>!",
    "a comment": COMMENT,
    "a long comment": COMMENT * 20,
    "an attack": COMMENT + "<img src=x onerror=steal()><script>steal()</script><a href='javascript:steal()'>x</a>",
    "a comment with a table, cleaned twice": "<table><tr><td>" + COMMENT + "</table>",
}
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


def measured(variants: dict[str, Callable[[], object]], calls: int) -> dict[str, list[float]]:
    """Return the seconds of each variant in each round."""
    names = list(variants)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(ROUNDS):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            call = variants[name]
            start = time.thread_time()
            for _ in range(calls):
                call()
            seconds[name].append((time.thread_time() - start) / calls)
    return seconds


def report(title: str, variants: dict[str, Callable[[], object]], calls: int, ceiling: float | None = None) -> None:
    """Print one line per variant: microseconds, and the quotient of the first by it."""
    seconds = measured(variants, calls)
    ours = next(iter(variants))
    print(f"\n{title}")
    for name, times in seconds.items():
        quotient = statistics.median(first / other for first, other in zip(seconds[ours], times, strict=True))
        goal = f"   (at most {ceiling})" if ceiling and name == list(variants)[1] else ""
        figures = f"{statistics.median(times) * 1e6:9.2f} us"
        print(f"  {name:34} {figures}" + ("" if name == ours else f"   ours is {quotient:.2f} times this{goal}"))


def html() -> None:
    for title, text in TEXTS.items():
        assert sanitize_html(text) == by_nh3(text)
        variants: dict[str, Callable[[], object]] = {
            "sanitize_html": partial(sanitize_html, text),
            "nh3.clean, same sets": partial(by_nh3, text),
            "bleach.clean, same tags": partial(by_bleach, text),
        }
        report(f"sanitize_html: {title}, {len(text)} characters", variants, 3, None if "twice" in title else 1.1)


def checked_by_hand(base: str, path: str) -> Path:
    real = os.path.realpath(Path(base) / path)
    if os.path.commonpath([base, real]) != base:
        raise ValueError
    return Path(real)


def opened_safely(files: SafeDirectory, path: str) -> None:
    files.open(path).close()


def opened_by_hand(base: str, path: str) -> None:
    checked_by_hand(base, path).open("rb").close()


def paths() -> None:
    with tempfile.TemporaryDirectory() as directory:
        base = os.path.realpath(directory)
        for path in ("a.txt", "one/two/three/four/a.txt"):
            target = Path(base) / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text("x")
            files = SafeDirectory(base)
            resolve: dict[str, Callable[[], object]] = {
                "SafeDirectory.resolve": partial(files.resolve, path),
                "os.path.realpath and a check": partial(checked_by_hand, base, path),
            }
            report(f"SafeDirectory.resolve: {path}", resolve, 10, 2.0)
            opened: dict[str, Callable[[], object]] = {
                "SafeDirectory.open": partial(opened_safely, files, path),
                "realpath, a check, open (a race)": partial(opened_by_hand, base, path),
            }
            report(f"SafeDirectory.open: {path}", opened, 10)


class Ours(BaseModel):
    name: Username
    slug: Slug
    title: PlainText


class ByHand(BaseModel):
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+$", min_length=3, max_length=30)]
    slug: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", min_length=1, max_length=100)]
    title: Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]*$", max_length=10_000)]


def text() -> None:
    body = b'{"name": "ada_lovelace", "slug": "notes-on-the-engine", "title": "Notes on the Analytical Engine"}'
    variants: dict[str, Callable[[], object]] = {
        "Username, Slug, PlainText": lambda: Ours.model_validate_json(body),
        "StringConstraints by hand": lambda: ByHand.model_validate_json(body),
    }
    report("three fields in a pydantic model, from JSON", variants, 50)


if __name__ == "__main__":
    html()
    paths()
    text()
