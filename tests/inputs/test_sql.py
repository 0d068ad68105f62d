"""`sort_key` and `like_escape`."""

import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, Table, select

from asgisec.errors import ConfigError
from asgisec.inputs import like_escape, sort_key

table = Table("t", MetaData(), Column("select", Integer), Column("n", Integer))


@pytest.mark.parametrize(
    ("allowed", "name", "chosen"),
    [
        pytest.param({"name", "created_at"}, "name", "name", id="set"),
        pytest.param(["name"], "-name", "name DESC", id="list, descending"),
        pytest.param({"created": "t.created_at"}, "created", "t.created_at", id="mapping"),
        pytest.param({"created": "t.created_at"}, "-created", "t.created_at DESC", id="mapping, descending"),
        pytest.param({"größe ↓": "size"}, "größe ↓", "size", id="name of any letters"),
        pytest.param({"s": table.c.select}, "s", "t.select", id="column"),
        pytest.param({"s": table.c.select}, "-s", 't."select" DESC', id="column, descending"),
    ],
)
def test_names_that_are_listed(allowed: set[str], name: str, chosen: str) -> None:
    assert str(sort_key(allowed)(name)) == chosen


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-",
        "--name",
        "Name",
        "name ",
        " name",
        "name DESC",
        "name;",
        "name--",
        "name, (select 1)",
        "1",
        "name\x00",
        "nаme",
        "(CASE WHEN 1=1 THEN name ELSE id END)",
        "name\n",
        '"name"',
        None,
        1,
        ["name"],
        {"name": 1},
        b"name",
    ],
)
def test_names_that_are_not(name: str) -> None:
    with pytest.raises(ValueError, match=r"^this is not a name to sort by$"):
        sort_key({"name", "id"})(name)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(lambda: sort_key(set()), "list at least one name", id="nothing"),
        pytest.param(lambda: sort_key({}), "list at least one name", id="nothing mapped"),
        pytest.param(lambda: sort_key("name"), "give a set of names", id="text"),
        pytest.param(lambda: sort_key({""}), "write names as text", id="empty name"),
        pytest.param(lambda: sort_key({"-name"}), "without a leading hyphen", id="hyphen"),
        pytest.param(lambda: sort_key({1: "name"}), "write names as text", id="number"),  # type: ignore[dict-item]
        pytest.param(lambda: sort_key({"name; DROP TABLE t"}), "plain SQL identifier", id="statement"),
        pytest.param(lambda: sort_key({"a": "a b"}), "plain SQL identifier", id="two words"),
        pytest.param(lambda: sort_key({"a": "a\n"}), "plain SQL identifier", id="line break"),
        pytest.param(lambda: sort_key({"a": "x.y.z"}), "plain SQL identifier", id="three names"),
        pytest.param(lambda: sort_key({"a": 1}), ".desc()", id="number for a column"),
        pytest.param(lambda: like_escape("x", escape=""), "one character", id="no escape"),
        pytest.param(lambda: like_escape("x", escape="ab"), "one character", id="long escape"),
        pytest.param(lambda: like_escape("x", escape="%"), "other than % and _", id="wildcard as escape"),
    ],
)
def test_wrong_options(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make()
    assert message in str(caught.value)


@pytest.mark.parametrize("value", [None, 1, b"%"])
def test_only_text_is_searched_for(value: str) -> None:
    with pytest.raises(ValueError, match="must be text"):
        like_escape(value)


@pytest.mark.parametrize("escape", ["\\", "/", "!"])
@given(needle=st.text(alphabet="ab%_\\/!", min_size=1, max_size=5), hay=st.text(alphabet="ab%_\\/!", max_size=12))
def test_like_finds_what_is_literally_there(escape: str, needle: str, hay: str) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        pattern = f"%{like_escape(needle, escape=escape)}%"
        found = connection.execute("SELECT ? LIKE ? ESCAPE ?", (hay, pattern, escape)).fetchone()[0]
    assert bool(found) is (needle in hay)


def test_a_chosen_column_sorts() -> None:
    assert str(select(table.c.n).order_by(sort_key({"n": table.c.n})("-n"))) == "SELECT t.n \nFROM t ORDER BY t.n DESC"
