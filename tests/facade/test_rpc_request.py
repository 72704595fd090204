"""Request bodies: what is documented, what ThingsBoard accepts besides, and what is refused with which words."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.contract.errors import TrunklineError
from trunkline.contract.streams.frames import DeliveryPolicy
from trunkline.facade.rpc_request import MOST_RETRIES, REDELIVERIES, STRATEGIES, RpcRequest, parse_request
from trunkline.v1.call_pb2 import Redelivery, SubmitStrategy


def parse(text: str | bytes, *, one_way: bool = False) -> RpcRequest:
    return parse_request(text.encode() if isinstance(text, str) else text, one_way)


def refusal(text: str | bytes, *, one_way: bool = False) -> TrunklineError:
    with pytest.raises(TrunklineError) as caught:
        parse(text, one_way=one_way)
    assert caught.value.row.http == 400
    assert caught.value.row.thingsboard_code == 31
    return caught.value


def test_the_documented_form() -> None:
    request = parse('{"method":"setGpio","params":{"pin":7,"value":1},"timeout":5000,"persistent":false}')
    assert request.method == "setGpio"
    assert bytes(request.params) == b'{"pin":7,"value":1}'
    assert request.timeout == 5000
    assert not request.persistent


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ('{ "b" : 1.0e3 , "a" : [ 1 ] }', '{"b":1.0e3,"a":[1]}'),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("1e400", "1e400"),
        ("null", "null"),
        ('"grün"', '"grün"'),
        ('{"a":1,"a":2}', '{"a":1,"a":2}'),
    ],
)
def test_params_stay_as_sent(sent: str, kept: str) -> None:
    assert bytes(parse(f'{{"method":"m","params":{sent}}}').params) == kept.encode()


def test_absent_params_are_null() -> None:
    assert bytes(parse('{"method":"m"}').params) == b"null"
    assert bytes(parse('{"method":5}').params) == b"null"


@pytest.mark.parametrize(
    ("value", "method"),
    [("5", "5"), ("1.5", "1.5"), ("true", "true"), ("false", "false"), ("null", "null"), ("{}", ""), ("[1]", "")],
)
def test_method_is_coerced_to_text(value: str, method: str) -> None:
    assert parse(f'{{"method":{value}}}').method == method


@pytest.mark.parametrize(
    ("value", "timeout"),
    [
        ("7000", 7000),
        ('"7000"', 7000),
        ('" 7000 "', 7000),
        ("7000.9", 7000),
        ("-1", -1),
        ("0", 0),
        ('"soon"', 0),
        ('"NaN"', 0),
        ("null", 0),
        ("{}", 0),
        ("true", 1),
        ("1" + "0" * 30, 10**30),
    ],
)
@pytest.mark.parametrize(("key", "attribute"), [("timeout", "timeout"), ("expirationTime", "expiration_time")])
def test_times_are_coerced(key: str, attribute: str, value: str, timeout: int) -> None:
    assert getattr(parse(f'{{"method":"m","{key}":{value}}}'), attribute) == timeout


def test_times_beyond_all_bounds_are_finite() -> None:
    for value in ("1e400", "9" * 5000, '"1e400"'):
        assert parse(f'{{"method":"m","timeout":{value}}}').timeout


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("true", True),
        ('"true"', True),
        ("1", True),
        ("0.5", True),
        ("false", False),
        ("null", False),
        ('"yes"', False),
        ("0", False),
        ("[]", False),
    ],
)
def test_flags_are_coerced(value: str, meant: bool) -> None:
    assert parse(f'{{"method":"m","failFast":{value}}}').fail_fast is meant
    assert parse(f'{{"method":"m","awaitDelivery":{value}}}', one_way=True).await_delivery is meant


@pytest.mark.parametrize("junk", [" junk", "}", "{}", "\n\x00"])
def test_what_follows_the_object_is_dropped(junk: str) -> None:
    request = parse('{"method":"m","params":{ "a" : 1e2 }}' + junk)
    assert (request.method, bytes(request.params)) == ("m", b'{"a":1e2}')


def test_broken_utf_8_is_replaced() -> None:
    request = parse(b'{"method":"m\xff","params":"\xff"}')
    assert request.method == "m\ufffd"
    assert bytes(request.params) == '"\ufffd"'.encode()


def test_unknown_fields_are_ignored() -> None:
    assert parse('{"method":"m","additionalInfo":{"a":1},"retries":null,"x":[]}').method == "m"


def test_the_last_of_two_equal_keys_wins() -> None:
    assert parse('{"method":"a","method":"b"}').method == "b"


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "{'method':'m'}",
        '{"method":"m",}',
        '{"method":"m"',
        '{"method":"m","params":NaN}',
        '{"method":"m","params":01}',
        '/* */{"method":"m"}',
        "\ufeff" + '{"method":"m"}',
        '{"method":"m","params":' + "[" * 100_000 + "]" * 100_000 + "}",
        "[" * 100_000,
        '{"method":"m","requestUUID":"abc"}',
        '{"method":"m","requestUUID":""}',
        '{"method":"m","requestUUID":null}',
        '{"method":"m","requestUUID":5}',
    ],
)
def test_what_is_no_json_or_no_uuid(text: str) -> None:
    assert refusal(text).message == "Invalid request body"


@pytest.mark.parametrize("text", ["[]", '"x"', "1", "null", "true", "[1] junk"])
def test_what_is_no_object(text: str) -> None:
    assert refusal(text).message == "Invalid request body: it must be a JSON object"


@pytest.mark.parametrize("text", ["", " ", "\n\t"])
def test_no_body(text: str) -> None:
    assert refusal(text).message == "Required request body is missing"


@pytest.mark.parametrize("text", ["{}", '{"params":{}}', '{"Method":"m"}'])
def test_no_method(text: str) -> None:
    assert refusal(text).message == "Invalid request body: method is missing"


def test_the_callers_id() -> None:
    for text in ("B10BB1A0-0AFD-11EC-A08F-1B3182194747", "1-2-3-4-5"):
        assert parse(f'{{"method":"m","requestUUID":"{text}"}}').request_id == text
    assert not parse('{"method":"m"}').request_id


@pytest.mark.parametrize("value", ["true", '"true"', "1"])
def test_a_persistent_call(value: str) -> None:
    request = parse(f'{{"method":"m","persistent":{value},"retries":3,"additionalInfo":{{ "a" : 1e3 }}}}')
    assert request.persistent
    assert request.retries == 3
    assert bytes(request.additional_info) == b'{"a":1e3}'


@pytest.mark.parametrize(
    ("value", "retries"),
    [
        ("9", 9),
        ('"2"', 2),
        ("2.9", 2),
        ("null", 0),
        ('"many"', 0),
        ("[]", 0),
        ("-1", 0),
        ("4294967296", MOST_RETRIES),
        ("1e99", MOST_RETRIES),
    ],
)
def test_retries_are_coerced_and_null_means_none(value: str, retries: int) -> None:
    assert parse(f'{{"method":"m","persistent":true,"retries":{value}}}').retries == retries


def test_absent_retries_and_information() -> None:
    request = parse('{"method":"m","persistent":true}')
    assert request.retries is msgspec.UNSET
    assert bytes(request.additional_info) == b"null"
    assert bytes(parse('{"method":5,"persistent":true,"additionalInfo":[ 1 ]}').additional_info) == b"[1]"


@pytest.mark.parametrize("value", ["1" * 1001, "1e400", "[" * 201 + "]" * 201])
def test_information_that_nobody_could_read_again(value: str) -> None:
    assert "additionalInfo" in refusal(f'{{"method":"m","persistent":true,"additionalInfo":{value}}}').message
    assert parse(f'{{"method":"m","additionalInfo":{value}}}').method == "m", "it goes nowhere"


def test_a_policy_for_one_call() -> None:
    assert parse('{"method":"m"}').policy is None
    assert parse('{"method":"m","redelivery":null,"submitStrategy":null}').policy is None
    assert parse('{"method":"m","redelivery":"never"}').policy == DeliveryPolicy(0, Redelivery.REDELIVERY_NEVER)
    body = '{"method":"m","persistent":true,"submitStrategy":"SEQUENTIAL_ON_ACK_FROM_DEVICE"}'
    on_ack = SubmitStrategy.SUBMIT_STRATEGY_SEQUENTIAL_ON_ACK_FROM_DEVICE
    assert parse(body).policy == DeliveryPolicy(on_ack, 0)
    assert parse(body.replace('"m"', "5")).policy == DeliveryPolicy(on_ack, 0)


def test_every_policy_of_the_contract_has_a_name() -> None:
    assert {0, *REDELIVERIES.values()} == {*Redelivery.values()}
    assert {0, *STRATEGIES.values()} == {*SubmitStrategy.values()}


@pytest.mark.parametrize("value", ['"Never"', '""', "5", "{}", "true"])
def test_policies_that_are_none(value: str) -> None:
    assert "redelivery" in refusal(f'{{"method":"m","redelivery":{value}}}').message
    assert "submitStrategy" in refusal(f'{{"method":"m","persistent":true,"submitStrategy":{value}}}').message


def test_only_persistent_calls_are_in_a_line() -> None:
    error = refusal('{"method":"m","submitStrategy":"BURST"}')
    assert error.message == "submitStrategy goes only with persistent calls"


def test_combinations_without_sense() -> None:
    assert "failFast" in refusal('{"method":"m","persistent":true,"failFast":true}').message
    assert "awaitDelivery" in refusal('{"method":"m","awaitDelivery":true}').message
    assert "awaitDelivery" in refusal('{"method":"m","persistent":true,"awaitDelivery":true}', one_way=True).message
    assert parse('{"method":"m","failFast":true}').fail_fast


@given(st.binary())
def test_no_bytes_bring_it_down(body: bytes) -> None:
    try:
        parse(body)
    except TrunklineError as error:
        assert error.row.http == 400


fields = st.sampled_from(
    [
        "method",
        "params",
        "timeout",
        "expirationTime",
        "persistent",
        "failFast",
        "requestUUID",
        "retries",
        "additionalInfo",
        "redelivery",
        "submitStrategy",
        "x",
    ]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=2)
)


@given(st.dictionaries(fields, values))
def test_no_object_brings_it_down(body: dict[str, object]) -> None:
    try:
        request = parse(json.dumps(body))
    except TrunklineError as error:
        assert error.row.http == 400
    else:
        assert "method" in body
        assert json.loads(bytes(request.params)) == body.get("params")
