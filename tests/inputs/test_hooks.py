"""The types of text under msgspec and Litestar."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from litestar import Litestar, post
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.testing import TestClient

from asgisec.inputs import PlainText, Slug, Username, decode_hook, encode_hook, is_validated_text, schema_hook
from asgisec.inputs.litestar import ValidatedTextPlugin


class Person(msgspec.Struct):
    name: Username


def test_msgspec_reads_and_writes_them() -> None:
    person = msgspec.json.decode(b'{"name": "ada"}', type=Person, dec_hook=decode_hook)
    assert type(person.name) is Username
    assert msgspec.json.encode(person, enc_hook=encode_hook) == b'{"name":"ada"}'
    assert msgspec.json.schema(Person, schema_hook=schema_hook)["$defs"]["Person"]["properties"]["name"] == {
        "type": "string",
        "minLength": 3,
        "maxLength": 30,
        "pattern": "^[A-Za-z0-9_-]+$",
    }


@pytest.mark.parametrize("body", [b'{"name": "<31337>"}', b'{"name": 31337}', b'{"name": null}'])
def test_msgspec_refuses_with_a_fixed_text(body: bytes) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(body, type=Person, dec_hook=decode_hook)
    assert "31337" not in str(caught.value)


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda: decode_hook(int, "1"), id="decode"),
        pytest.param(lambda: encode_hook(1), id="encode"),
        pytest.param(lambda: encode_hook("x"), id="encode plain text"),
        pytest.param(lambda: schema_hook(int), id="schema"),
    ],
)
def test_other_types_are_left_to_other_hooks(call: Callable[[], object]) -> None:
    with pytest.raises(NotImplementedError):
        call()


def test_what_is_a_type_of_text() -> None:
    assert [is_validated_text(kind) for kind in (Username, str, Username("ada"))] == [True, False, False]


@pytest.fixture(scope="module")
def litestar() -> Litestar:
    @post("/people/{slug:str}")
    async def create(slug: FromPath[Slug], data: JSONBody[Person], note: FromQuery[PlainText | None] = None) -> Person:
        return data

    return Litestar([create], plugins=[ValidatedTextPlugin()])


def test_litestar_takes_them_in_bodies_and_parameters(litestar: Litestar) -> None:
    with TestClient(litestar) as client:
        assert client.post("/people/a-b?note=x", json={"name": "ada"}).json() == {"name": "ada"}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        pytest.param("/people/A_31337", "ada", id="path"),
        pytest.param("/people/a-b", "<31337>", id="body"),
        pytest.param("/people/a-b?note=31337%00", "ada", id="query"),
    ],
)
def test_litestar_refuses_with_a_fixed_text(path: str, name: str, litestar: Litestar) -> None:
    with TestClient(litestar) as client:
        answer = client.post(path, json={"name": name})
    assert answer.status_code == 400
    assert "31337" not in answer.json()["extra"][0]["message"]


def test_litestar_describes_them(litestar: Litestar) -> None:
    document = litestar.openapi_schema.to_schema()
    assert document["components"]["schemas"]["Person"]["properties"]["name"] == Username.json_schema()
    parameters = document["paths"]["/people/{slug}"]["post"]["parameters"]
    assert {parameter["name"]: parameter["schema"] for parameter in parameters} == {
        "slug": Slug.json_schema(),
        "note": {"oneOf": [PlainText.json_schema(), {"type": "null"}]},
    }


def test_litestar_keeps_the_decoders_of_the_application() -> None:
    own = (lambda kind: kind is complex, lambda kind, value: kind(value))
    app = Litestar([], plugins=[ValidatedTextPlugin()], type_decoders=[own])
    decoders = [*(app.type_decoders or ())]
    assert own in decoders
    assert (is_validated_text, decode_hook) in decoders


def test_litestar_leaves_out_what_is_no_word_of_openapi() -> None:
    class Tagged(Slug):
        @classmethod
        def json_schema(cls) -> dict[str, Any]:
            return {**super().json_schema(), "x-kind": "tag"}

    @post("/{tag:str}")
    async def create(tag: FromPath[Tagged]) -> None:
        pass

    document = Litestar([create], plugins=[ValidatedTextPlugin()]).openapi_schema.to_schema()
    assert document["paths"]["/{tag}"]["post"]["parameters"][0]["schema"] == Slug.json_schema()
