"""How bytes are spelled in tokens and ids: each in one way, which is read again."""

import pytest

from asgisec.tokens._parsing import decode_base64url, encode_base64url
from tests.tokens.minting import encoded


@pytest.mark.parametrize("front", [b"", b"a", b"ab"])
def test_whatever_a_text_ends_with_it_is_read_again(front: bytes) -> None:
    for last in range(256):
        data = front + bytes([last])
        assert encode_base64url(data) == encoded(data)
        assert decode_base64url(encoded(data)) == data
