"""Which rules a request is held to: by path however it is spelled, by method, and what takes general limits away."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgisec.errors import ConfigError
from asgisec.policies.rate_limit.rules import Rule, Rules, _Beginnings, readings
from tests.asgi import scope_of

TOKEN = Rule("/auth/token", limits="5/minute")


def matches(rule: Rule, path: str, method: str = "POST", kind: str = "http", root: str = "") -> bool:
    found, _ = Rules([rule]).matching(scope_of(kind, method, path, root_path=root))
    return found == (0,)


@pytest.mark.parametrize(
    ("path", "root"),
    [
        pytest.param("/auth/token", "", id="as written"),
        pytest.param("/auth/token/", "", id="a slash at the end"),
        pytest.param("//auth/token", "", id="two slashes at the start"),
        pytest.param("/auth///token//", "", id="slashes everywhere"),
        pytest.param("/auth/token\n", "", id="a line feed at the end, before which patterns match"),
        pytest.param("/auth/./token", "", id="a dot"),
        pytest.param("/x/../auth/token", "", id="two dots"),
        pytest.param("auth/token", "", id="without its slash"),
        pytest.param("http://api.example.com/auth/token", "", id="absolute form"),
        pytest.param("http://api.example.com//auth/token/;x", "", id="absolute form, with more of it"),
        pytest.param("x:/auth/token", "", id="absolute form of no scheme"),
        pytest.param("/api/auth/token", "/api", id="with its root"),
        pytest.param("/auth/token", "/api", id="without its root"),
        pytest.param("/api//auth/token/", "/api/", id="a root with a slash at its end"),
        pytest.param("/api/api/auth/token", "/api/api", id="a root of two parts"),
        pytest.param("/apiauth/token", "/api", id="a root cut off within a part"),
        pytest.param("/other/api/auth/token", "/api", id="a root cut off where it stands"),
        pytest.param("/auth/token", "/auth", id="without its root, which looks like the path's own beginning"),
        pytest.param("/auth/auth/token", "/auth", id="a root that is cut off once"),
        pytest.param("http://api.example.com/api/auth/token", "/api", id="absolute form, with its root"),
    ],
)
def test_every_spelling_counts(path: str, root: str) -> None:
    assert matches(TOKEN, path, root=root)


@pytest.mark.parametrize(
    ("path", "root"),
    [
        pytest.param("/auth/tokens", "", id="a longer path"),
        pytest.param("/auth/tokenX/", "", id="a longer path, with a slash at its end"),
        pytest.param("/auth/token/x", "", id="a path below"),
        pytest.param("//x/auth/token", "", id="two slashes at the start, which make no absolute form of a path"),
        pytest.param("/auth", "", id="a path above"),
        pytest.param("/Auth/token", "", id="in capitals: every framework tells them apart"),
        pytest.param("/auth/%74oken", "", id="encoded twice: nobody decodes twice"),
        pytest.param("/api/auth/token", "", id="with a root that is none"),
        pytest.param("/api/auth/token", "/apiX", id="with a root that is another"),
        pytest.param("http://[/auth/token", "", id="no URL"),
        pytest.param("", "", id="empty"),
        pytest.param("*", "", id="of OPTIONS alone"),
    ],
)
def test_other_paths_do_not(path: str, root: str) -> None:
    assert not matches(TOKEN, path, root=root)


@pytest.mark.parametrize("without", [{}, {"root_path"}])
def test_what_has_one_spelling_is_read_as_it_is(without: set[str]) -> None:
    """Almost all requests: no text is made for them."""
    scope = {name: value for name, value in scope_of(path="/auth/token").items() if name not in without}
    (read,) = readings(scope)
    assert read is scope["path"]
    assert Rules([TOKEN]).matching({**scope, "path": "/auth/token/"})[0] == (0,)


@given(st.text("/.ab\n", max_size=12), st.sampled_from(["", "/a", "/a/", "/a/b"]))
def test_a_spelling_is_read_whatever_it_is(path: str, root: str) -> None:
    read = readings(scope_of(path=path, root_path=root))
    assert read
    assert all(each.startswith("/") and "//" not in each and (each == "/" or each[-1] != "/") for each in read)


@pytest.mark.parametrize(
    ("path", "below"),
    [
        ("/admin", True),
        ("/admin/", True),
        ("/admin/users", True),
        ("/admin//users/7/", True),
        ("/x/../admin/users", True),
        ("/administrator", False),
        ("/admin ", False),
        ("/", False),
        ("/x/admin/users", False),
    ],
)
def test_everything_below(path: str, *, below: bool) -> None:
    assert matches(Rule("/admin/*", limits="5/minute"), path) is below


def test_a_path_of_many_parts() -> None:
    deep = "/a/" * 20_000
    assert matches(Rule("/a/*", limits="5/minute"), deep)
    assert not matches(Rule("/b/*", limits="5/minute"), deep, root="/a/a/b")


_PARTS = st.lists(st.sampled_from(["a", "ab", "b", "a-"]), max_size=4).map("/".join)


@given(st.lists(_PARTS, max_size=8), _PARTS)
def test_all_that_are_above_are_found_among_many(below: list[str], path: str) -> None:
    rules = [Rule(f"/{each}/*" if each else "/*", limits="5/minute") for each in below]
    held = tuple(place for place, each in enumerate(below) if f"/{path}/".startswith(f"/{each}/" if each else "/"))
    assert Rules(rules).matching(scope_of(path=f"/{path}")) == (held, True)


@pytest.mark.parametrize("path", ["/", "/a", "/a/b", "//", ""])
def test_everything(path: str) -> None:
    assert matches(Rule("/*", limits="5/minute"), path)


def test_the_root_is_a_path() -> None:
    rule = Rule("/", limits="5/minute")
    assert matches(rule, "/")
    assert matches(rule, "/api", root="/api")
    assert matches(rule, "/api", root="/api/")
    assert not matches(rule, "/a")


def test_a_tuple_is_one_rule() -> None:
    rule = Rule(("/auth/token", "/auth/login", "/auth/v2/*"), limits="5/minute")
    assert all(matches(rule, path) for path in ("/auth/token", "/auth/login", "/auth/v2/token"))
    assert not matches(rule, "/auth")


@pytest.mark.parametrize(
    ("methods", "method", "kind", "held"),
    [
        (None, "GET", "http", True),
        (None, "GET", "websocket", True),
        ({"POST"}, "POST", "http", True),
        ({"POST"}, "post", "http", True),
        ({"post"}, "POST", "http", True),
        ({"POST"}, "GET", "http", False),
        ({"POST"}, "OPTIONS", "http", False),
        ({"POST"}, "HEAD", "http", False),
        ({"GET"}, "HEAD", "http", True),
        ({"HEAD"}, "GET", "http", False),
        ({"GET"}, "GET", "websocket", False),
        ({"WEBSOCKET"}, "GET", "websocket", True),
        ({"WEBSOCKET"}, "GET", "http", False),
        ({"PROPFIND"}, "PROPFIND", "http", True),
    ],
)
def test_methods(methods: set[str] | None, method: str, kind: str, *, held: bool) -> None:
    rule = Rule("/auth/token", limits="5/minute", methods=methods)
    scope = scope_of(kind, method, "/auth/token")
    assert Rules([rule]).matching(scope) == ((0,) if held else (), True)


@pytest.mark.parametrize(
    ("path", "general"),
    [
        pytest.param("/bulk", False, id="as written"),
        pytest.param("/bulk/", True, id="another spelling, that may reach another handler"),
        pytest.param("//bulk", True, id="slashes"),
        pytest.param("/bulk\n", True, id="a line feed"),
        pytest.param("http://api.example.com/bulk", True, id="absolute form"),
        pytest.param("/files/7", False, id="below"),
        pytest.param("/files", False, id="where below begins"),
        pytest.param("/files/", False, id="with a slash"),
        pytest.param("/files/../bulk", True, id="dots"),
        pytest.param("/files//7", True, id="slashes below"),
        pytest.param("/other", True, id="another path"),
    ],
)
def test_general_limits_are_overridden_for_the_path_as_written_only(path: str, *, general: bool) -> None:
    rules = [Rule("/bulk", limits="5/minute", override=True), Rule(["/files/*"], limits="5/minute", override=True)]
    assert Rules(rules).matching(scope_of(path=path))[1] is general


@pytest.mark.parametrize(
    ("path", "root", "general"),
    [
        ("/api/bulk", "/api", False),
        ("/api/bulk", "/api/", False),
        ("/bulk", "/api", False),
        ("/bulk", "/", False),
        ("/api/files/7", "/api", False),
        # Litestar looks for the root anywhere, and serves what is behind it.
        ("/files/api/bulk", "/api", False),
        ("/files/api/auth/token", "/api", True),
        ("/files/api//auth/token", "/api/", True),
        ("/files/auth/token", "/", False),
        ("/api/X-rays/7", "/api", False),
    ],
)
def test_a_root_is_no_other_spelling(path: str, root: str, *, general: bool) -> None:
    paths: list[Any] = ["/bulk", ["/files/*", "/X-rays/*"]]
    rules = [Rule(path, limits="5/minute", override=True) for path in paths]
    assert Rules(rules).matching(scope_of(path=path, root_path=root))[1] is general


def test_rules_beside_one_that_overrides_stay() -> None:
    rules = [Rule("/*", limits="9/minute"), Rule("/bulk", limits="5/minute", override=True)]
    assert Rules(rules).matching(scope_of(path="/bulk")) == ((0, 1), False)
    assert Rules(rules[::-1]).matching(scope_of(path="/bulk")) == ((0, 1), False)
    assert not Rules([])


class Counting(str):
    """A path that counts how often it is compared."""

    __slots__ = ()
    compared = 0

    def startswith(self, *args: Any) -> bool:
        Counting.compared += 1
        return str.startswith(self, *args)


def test_of_many_rules_few_are_looked_at() -> None:
    beginnings = _Beginnings({f"/{part}/{name}/": [0] for part in "abc" for name in range(1_000)} | {"/": [1]})
    Counting.compared = 0
    assert list(beginnings.of(Counting("/b/500/x/"))) == [0, 1]
    assert list(beginnings.of(Counting("/b/x/500/"))) == [1]
    assert Counting.compared <= 5


_PATH = "write an exact path such as '/auth/token', or one that ends in '/*' for all below"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"path": "auth/token"}, f"Rule(path) got 'auth/token': {_PATH}", id="no slash"),
        pytest.param({"path": ""}, f"Rule(path) got '': {_PATH}", id="empty"),
        pytest.param({"path": ()}, f"Rule(path) got (): {_PATH}", id="none"),
        pytest.param({"path": 7}, "Rule(path) got 7: write a list of strings", id="a number"),
        pytest.param({"path": ("/a", "b")}, f"Rule(path) got 'b': {_PATH}", id="one of several"),
        pytest.param({"path": "/users/{id}"}, f"Rule(path) got '/users/{{id}}': {_PATH}", id="a parameter"),
        pytest.param({"path": "/users/<id>"}, f"Rule(path) got '/users/<id>': {_PATH}", id="a parameter of Quart's"),
        pytest.param({"path": "/a*"}, f"Rule(path) got '/a*': {_PATH}", id="a prefix"),
        pytest.param({"path": "/*/a"}, f"Rule(path) got '/*/a': {_PATH}", id="a star inside"),
        pytest.param({"path": "/a?b=c"}, f"Rule(path) got '/a?b=c': {_PATH}", id="a query"),
        pytest.param({"path": "/a#b"}, f"Rule(path) got '/a#b': {_PATH}", id="a fragment"),
        pytest.param({"path": "/%74oken"}, f"Rule(path) got '/%74oken': {_PATH}", id="encoded"),
        pytest.param({"path": "/a/../b"}, f"Rule(path) got '/a/../b': {_PATH}", id="dots"),
        pytest.param({"path": "//a"}, f"Rule(path) got '//a': {_PATH}", id="two slashes"),
        pytest.param({"path": "/a\n"}, f"Rule(path) got '/a\\n': {_PATH}", id="a line feed"),
        pytest.param({"path": "/a", "methods": "POST"}, "Rule(methods=) got 'POST': write a list: ['POST']", id="text"),
        pytest.param(
            {"path": "/a", "methods": ()},
            "Rule(methods=) got (): name at least one method, or leave it out for all",
            id="no method",
        ),
        pytest.param(
            {"path": "/a", "methods": ["PO ST"]},
            "Rule(methods=) got 'PO ST': write a method such as 'POST', or 'WEBSOCKET'",
            id="two words",
        ),
        pytest.param(
            {"path": "/a", "methods": ["P\xd6ST"]},
            "Rule(methods=) got 'P\xd6ST': write a method such as 'POST', or 'WEBSOCKET'",
            id="a method in another script",
        ),
        pytest.param(
            {"path": "/a", "override": "false"},
            "Rule(override=) got 'false': write True or False",
            id="a word for a bool",
        ),
        pytest.param(
            {"path": "/a", "name": 'a "b"'},
            "Rule(name=) got 'a \"b\"': write a short name in visible ASCII, without quotes, backslashes and commas",
            id="a name in quotes",
        ),
        pytest.param(
            {"path": "/caf\xe9"},
            "Rule(name=) got '/caf\xe9': write a short name in visible ASCII, without quotes, backslashes and commas",
            id="a path that is no name",
        ),
        pytest.param(
            {"path": "/a", "limits": "5/fortnight"},
            "Rule(limits=) got '5/fortnight': write limits such as '100/minute', or items of the limits package",
            id="no limit",
        ),
        pytest.param(
            {"path": "/a", "limits": ()},
            "Rule(limits=) got (): name at least one limit, such as '100/minute'",
            id="no limits",
        ),
    ],
)
def test_what_is_no_rule(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        Rule(**{"limits": "5/minute", **options})
    assert str(raised.value) == message


@pytest.mark.parametrize("path", ["/a", "/a/", "/a/*", "/*", "/", "/a b", "/a.b/-_~", "/X", ["/a", "/b/*"]])
def test_what_is_a_path(path: str | Sequence[str]) -> None:
    assert Rule(path, limits="5/minute").path == (path if isinstance(path, str) else tuple(path))


def test_a_path_in_another_script_takes_a_name() -> None:
    assert matches(Rule("/caf\xe9", limits="5/minute", name="cafe"), "/caf\xe9")
