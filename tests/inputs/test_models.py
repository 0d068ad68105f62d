"""The types of text and the strict model under pydantic and FastAPI."""

import json
import sys
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

import pytest
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field, Strict, TypeAdapter, ValidationError
from starlette.testclient import TestClient

import asgisec.inputs
from asgisec.inputs import Email, PlainText, SafeHTML, Slug, StrictModel, Username

Item = TypeVar("Item")


class Colour(Enum):
    RED = "red"


class Size(StrEnum):
    SMALL = "s"


class Level(IntEnum):
    ONE = 1


class Cat(StrictModel):
    kind: Literal["cat"]


class Dog(StrictModel):
    kind: Literal["dog"]


class Page(StrictModel, Generic[Item]):
    items: list[Item]


class Everything(StrictModel):
    number: int = 0
    ratio: float = 0.0
    flag: bool = False
    text: str = ""
    day: date | None = None
    moment: datetime | None = None
    hour: time | None = None
    span: timedelta = timedelta()
    key: UUID | None = None
    price: Decimal = Decimal(0)
    colour: Colour = Colour.RED
    size: Size = Size.SMALL
    level: Level = Level.ONE
    raw: bytes = b""
    days: list[date] = []
    colours: dict[str, set[Colour]] = {}
    pair: tuple[int, date] | None = None
    noted: Annotated[date, "a note"] | None = None
    python: Annotated[date, Strict()] | None = None
    listed: list[Annotated[date, Strict(strict=True)]] = []
    literal: Literal["a", 1] = "a"
    anything: Any = None
    page: Page[date] | None = None
    name: Username = Username("ada")
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] | None = None
    children: list["Everything"] = []


def from_python(**fields: Any) -> Everything:
    return Everything.model_validate(fields)


def from_json(**fields: Any) -> Everything:
    return Everything.model_validate_json(json.dumps(fields))


NOTHING = PlainText("")
WAYS: dict[str, Callable[..., Everything]] = {"python": from_python, "json": from_json, "constructor": Everything}


@pytest.mark.parametrize("read", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize(
    ("field", "given", "value"),
    [
        pytest.param("number", 3, 3, id="integer"),
        pytest.param("ratio", 3, 3.0, id="integer for a float"),
        pytest.param("flag", True, True, id="truth value"),
        pytest.param("text", "  x ", "x", id="string, stripped"),
        pytest.param("day", "2026-01-02", date(2026, 1, 2), id="date"),
        pytest.param("hour", "10:11", time(10, 11), id="time"),
        pytest.param("span", "PT1M", timedelta(minutes=1), id="duration"),
        pytest.param("key", "00000000-0000-0000-0000-000000000001", UUID(int=1), id="UUID"),
        pytest.param("price", "1.50", Decimal("1.50"), id="decimal"),
        pytest.param("colour", "red", Colour.RED, id="enumeration"),
        pytest.param("size", "s", Size.SMALL, id="enumeration of text"),
        pytest.param("level", 1, Level.ONE, id="enumeration of numbers"),
        pytest.param("raw", "x", b"x", id="bytes"),
        pytest.param("days", ["2026-01-02"], [date(2026, 1, 2)], id="dates in a list"),
        pytest.param("colours", {"a": ["red"]}, {"a": {Colour.RED}}, id="sets in a dictionary"),
        pytest.param("pair", [1, "2026-01-02"], (1, date(2026, 1, 2)), id="tuple"),
        pytest.param("noted", "2026-01-02", date(2026, 1, 2), id="annotated date"),
        pytest.param("literal", 1, 1, id="literal"),
        pytest.param("page", {"items": ["2026-01-02"]}, Page[date](items=[date(2026, 1, 2)]), id="generic model"),
        pytest.param("anything", {"x": [1]}, {"x": [1]}, id="anything"),
        pytest.param("name", "eve", Username("eve"), id="username"),
        pytest.param("pet", {"kind": "dog"}, Dog(kind="dog"), id="union"),
        pytest.param("children", [{"day": "2026-01-02"}], [Everything(day=date(2026, 1, 2))], id="models in models"),
    ],
)
def test_json_is_read(read: Callable[..., Everything], field: str, given: object, value: object) -> None:
    assert getattr(read(**{field: given}), field) == value


@pytest.mark.parametrize("read", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize(
    ("field", "given"),
    [
        pytest.param("number", "31337", id="number in quotes"),
        pytest.param("number", True, id="truth value for a number"),
        pytest.param("number", 31337.0, id="float for an integer"),
        pytest.param("ratio", "31337", id="float in quotes"),
        pytest.param("flag", 1, id="number for a truth value"),
        pytest.param("flag", "true", id="truth value in quotes"),
        pytest.param("text", 31337, id="number for text"),
        pytest.param("day", 31337, id="number for a date"),
        pytest.param("moment", 31337.5, id="number for a moment"),
        pytest.param("span", 31337, id="number for a duration"),
        pytest.param("day", "31337 hidden", id="no date"),
        pytest.param("key", 31337, id="number for a UUID"),
        pytest.param("colour", "31337", id="no such member"),
        pytest.param("level", "31337", id="no such number"),
        pytest.param("level", "1", id="listed number in quotes"),
        pytest.param("days", ["2026-01-02", 31337], id="number in a list of dates"),
        pytest.param("colours", {"a": "31337"}, id="text for a set"),
        pytest.param("pair", ["31337", "2026-01-02"], id="quoted number in a tuple"),
        pytest.param("name", "<31337>", id="no username"),
        pytest.param("name", 31337, id="number for a username"),
        pytest.param("pet", {"kind": "31337"}, id="no such member of a union"),
        pytest.param("is_admin", "31337", id="field that is not declared"),
        pytest.param("children", [{"children": [{"is_admin": "31337"}]}], id="undeclared field far down"),
        pytest.param("children", "31337", id="text for a list"),
    ],
)
def test_what_is_refused_is_not_echoed(read: Callable[..., Everything], field: str, given: object) -> None:
    with pytest.raises(ValidationError) as caught:
        read(**{field: given})
    errors = caught.value.errors()
    assert {error["input"] for error in errors} == {"(hidden)"}
    assert "31337" not in str(caught.value)
    assert "31337" not in json.dumps(errors, default=str).replace("is_admin", "")


@pytest.mark.parametrize("value", [None, "31337", [31337], 31337, {1: 2}, {"\ud800": 1}], ids=repr)
def test_what_is_no_model_is_refused(value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        Everything.model_validate(value)
    assert "31337" not in str(caught.value)


@pytest.mark.parametrize("field", ["python", "listed"])
def test_a_field_may_stay_strict_as_python_is(field: str) -> None:
    value = "2026-01-02" if field == "python" else ["2026-01-02"]
    with pytest.raises(ValidationError):
        Everything.model_validate({field: value})


def test_errors_far_down_are_hidden_once() -> None:
    value: dict[str, Any] = {"number": "x"}
    for _ in range(50):
        value = {"children": [value]}
    with pytest.raises(ValidationError) as caught:
        Everything.model_validate(value)
    assert [error["loc"][-1] for error in caught.value.errors()] == ["number"]


def test_what_json_cannot_say_is_left_as_it_is() -> None:
    class Odd(StrictModel):
        kind: type[Colour]
        call: Callable[[date], date] | None = None

    assert Odd(kind=Colour, call=lambda day: day).kind is Colour
    with pytest.raises(ValidationError):
        Odd.model_validate({"kind": "Colour"})


def test_settings_of_a_subclass_add_up() -> None:
    class Kept(StrictModel):
        model_config = ConfigDict(frozen=True)
        text: str

    kept = Kept(text=" x ")
    assert kept.text == "x"
    with pytest.raises(ValidationError):
        kept.text = "y"


class Body(BaseModel):
    name: Username
    slug: Slug
    mail: Email | None = None
    title: Annotated[PlainText, Field(max_length=8)] = PlainText("x")
    html: SafeHTML = SafeHTML("")


def test_the_types_in_an_ordinary_model() -> None:
    body = Body.model_validate({"name": "ada", "slug": "a-b", "mail": "A@EXAMPLE.com", "html": "<b onclick=x>y</b>"})
    assert [type(value) for value in (body.name, body.slug, body.mail, body.html)] == [Username, Slug, Email, SafeHTML]
    assert body.model_dump() == {
        "name": "ada",
        "slug": "a-b",
        "mail": "A@example.com",
        "title": "x",
        "html": "<b>y</b>",
    }
    assert type(body.model_dump()["name"]) is str
    assert Body.model_validate_json(body.model_dump_json()) == body


def test_json_schema() -> None:
    properties = Body.model_json_schema()["properties"]
    assert properties["name"] == {
        "maxLength": 30,
        "minLength": 3,
        "pattern": "^[A-Za-z0-9_-]+$",
        "title": "Name",
        "type": "string",
    }
    assert properties["slug"]["pattern"] == "^[a-z0-9]+(-[a-z0-9]+)*$"
    assert properties["mail"]["anyOf"][0] == {"format": "email", "maxLength": 254, "type": "string"}
    assert properties["title"]["maxLength"] == 8
    assert properties["html"]["maxLength"] == 50_000
    assert TypeAdapter(Username).json_schema(mode="serialization")["type"] == "string"


@pytest.mark.parametrize("value", ["<31337>", b"31337", 31337, "3" * 31337], ids=["markup", "bytes", "number", "long"])
def test_the_types_echo_nothing_in_an_ordinary_model(value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        Body.model_validate({"name": value, "slug": value, "mail": value, "title": "x"})
    assert [error["input"] for error in caught.value.errors()] == ["(hidden)"] * 3
    assert {error["type"] for error in caught.value.errors()} == {"value_error"}


def test_email_says_what_it_needs_when_the_model_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "email_validator", None)
    with pytest.raises(ImportError, match=r"install asgisec\[email\]"):
        TypeAdapter(Email)


def test_unknown_names_of_the_package() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = asgisec.inputs.Nothing  # type: ignore[attr-defined]


@pytest.fixture
def client() -> TestClient:
    app = FastAPI()

    @app.post("/people/{slug}")
    def create(slug: Slug, body: Everything, q: PlainText = NOTHING) -> dict[str, str]:
        return {"slug": slug, "name": body.name, "day": str(body.day), "q": q}

    return TestClient(app)


def test_fastapi_takes_them(client: TestClient) -> None:
    answer = client.post("/people/a-b?q=c", json={"name": "ada", "day": "2026-01-02"})
    assert answer.json() == {"slug": "a-b", "name": "ada", "day": "2026-01-02", "q": "c"}


def test_fastapi_answers_422_and_echoes_nothing(client: TestClient) -> None:
    answer = client.post("/people/A_31337?q=%00" + "31337", json={"name": "31337!", "secret": "31337", "day": 31337})
    assert answer.status_code == 422
    assert [error["loc"] for error in answer.json()["detail"]] == [
        ["path", "slug"],
        ["query", "q"],
        ["body", "day"],
        ["body", "name"],
        ["body", "secret"],
    ]
    assert "31337" not in answer.text


def test_openapi_shows_the_rules(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    parameters = document["paths"]["/people/{slug}"]["post"]["parameters"]
    assert parameters[0]["schema"]["pattern"] == "^[a-z0-9]+(-[a-z0-9]+)*$"
    assert document["components"]["schemas"]["Everything"]["properties"]["day"]["anyOf"][0]["format"] == "date"
