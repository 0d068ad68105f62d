"""The types of text under msgspec and Litestar."""

from collections.abc import Callable

import msgspec
import pytest
from litestar import Litestar, post
from litestar.params import FromPath, JSONBody
from litestar.testing import TestClient

from asgisec.inputs import Slug, Username, decode_hook, encode_hook, is_validated_text, schema_hook


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


def test_litestar_takes_them_in_bodies_and_parameters() -> None:
    @post("/people/{slug:str}")
    async def create(slug: FromPath[Slug], data: JSONBody[Person]) -> Person:
        return data

    app = Litestar([create], type_decoders=[(is_validated_text, decode_hook)])
    with TestClient(app) as client:
        assert client.post("/people/a-b", json={"name": "ada"}).json() == {"name": "ada"}
        for path, name in (("/people/A_31337", "ada"), ("/people/a-b", "<31337>")):
            answer = client.post(path, json={"name": name})
            assert answer.status_code == 400
            assert "31337" not in answer.json()["extra"][0]["message"]
