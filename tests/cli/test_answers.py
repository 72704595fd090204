import httpx
import pytest

from trunkline.cli.answers import RestError, error_code, message, read_json, refusal

REQUEST = httpx.Request("GET", "http://127.0.0.1/api/x?token=secret")


def answer(status: int, body: bytes) -> httpx.Response:
    return httpx.Response(status, content=body, request=REQUEST)


def test_a_success_is_its_json() -> None:
    assert read_json(answer(200, b'{"a": 1}')) == {"a": 1}


def test_what_is_no_json_comes_from_another_server() -> None:
    with pytest.raises(RestError, match=r"http://127\.0\.0\.1/api/x is not a Trunkline server") as error:
        read_json(answer(200, b"<html>"))
    assert "secret" not in str(error.value)


def test_a_refusal_in_the_servers_words() -> None:
    body = b'{"status": 404, "message": "Device with id [x] is not found", "errorCode": 32}'
    with pytest.raises(RestError, match=r"^Device with id \[x\] is not found \(HTTP 404\)$") as error:
        read_json(answer(404, body))
    assert error.value.status == 404
    assert error_code(answer(404, body)) == 32


@pytest.mark.parametrize(
    ("body", "said"), [(b"plain text", "plain text"), (b"", "Bad Gateway"), (b"[]", "[]"), (b"x" * 999, "x" * 200)]
)
def test_other_bodies_have_something_to_say_too(body: bytes, said: str) -> None:
    assert message(answer(502, body)) == said
    assert error_code(answer(502, body)) == 0
    assert str(refusal(answer(502, body))).endswith("(HTTP 502)")
