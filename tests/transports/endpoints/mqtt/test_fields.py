import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.transports.endpoints.mqtt import fields
from trunkline.transports.endpoints.mqtt.fields import Malformed, PropertyId
from trunkline.transports.endpoints.mqtt.reason_codes import ReasonCode

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=200)


@given(st.integers(0, 268_435_455))
def test_a_variable_byte_integer_comes_back(value: int) -> None:
    encoded = fields.varint(value)
    assert len(encoded) <= 4
    assert fields.read_varint(encoded, 0) == (value, len(encoded))


def test_a_variable_byte_integer_has_four_bytes_at_most() -> None:
    with pytest.raises(Malformed, match="longer than four bytes"):
        fields.read_varint(b"\xff\xff\xff\xff\x01", 0)


@given(texts)
def test_text_comes_back(value: str) -> None:
    encoded = fields.text(value)
    assert fields.read_text(encoded, 0) == (value, len(encoded))


@pytest.mark.parametrize(
    "raw", [b"\x00\x01\x00", b"\x00\x02\xc3\x28", b"\x00\x03\xed\xa0\x80", b"\x00\x05abc", b"\x00"]
)
def test_what_is_no_text_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        fields.read_text(raw, 0)


def test_a_field_holds_no_more_than_its_length_can_say() -> None:
    with pytest.raises(ValueError, match="65,535"):
        fields.binary(bytes(65_536))


@pytest.mark.parametrize("read", [fields.read_u8, fields.read_u16, fields.read_u32, fields.read_binary])
def test_a_field_beyond_the_end_is_malformed(read: object) -> None:
    assert callable(read)
    with pytest.raises(Malformed, match="ends within"):
        read(b"", 0)


properties = st.fixed_dictionaries(
    {},
    optional={
        PropertyId.PAYLOAD_FORMAT: st.integers(0, 1),
        PropertyId.MESSAGE_EXPIRY: st.integers(0, 2**32 - 1),
        PropertyId.CONTENT_TYPE: texts,
        PropertyId.CORRELATION_DATA: st.binary(max_size=50),
        PropertyId.SUBSCRIPTION_ID: st.integers(1, 268_435_455),
        PropertyId.RECEIVE_MAXIMUM: st.integers(1, 65_535),
        PropertyId.ASSIGNED_CLIENT_ID: texts,
        PropertyId.MAXIMUM_PACKET_SIZE: st.integers(1, 2**32 - 1),
    },
)


@given(properties)
def test_properties_come_back(values: dict[int, int | str | bytes]) -> None:
    encoded = fields.properties(values)
    assert fields.read_properties(encoded, 0) == (values, len(encoded))


def test_user_properties_are_checked_and_dropped() -> None:
    pair = bytes((PropertyId.USER_PROPERTY,)) + fields.text("name") + fields.text("value")
    assert fields.read_properties(fields.varint(len(pair) * 2) + pair * 2, 0)[0] == {}
    with pytest.raises(Malformed):
        fields.read_properties(fields.varint(len(pair) - 1) + pair[:-1], 0)


def test_a_property_twice_is_a_protocol_error() -> None:
    twice = b"\x21\x00\x01" * 2
    with pytest.raises(Malformed, match="twice") as caught:
        fields.read_properties(fields.varint(len(twice)) + twice, 0)
    assert caught.value.reason == ReasonCode.PROTOCOL_ERROR


@pytest.mark.parametrize("raw", [b"\x02\x7f\x00", b"\x05\x21\x00", b"\x02\x21\x00\x01"])
def test_unknown_or_cut_properties_are_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        fields.read_properties(raw, 0)


@given(st.binary(max_size=100))
def test_any_bytes_are_properties_or_malformed(raw: bytes) -> None:
    try:
        _, end = fields.read_properties(raw, 0)
    except Malformed:
        return
    assert end <= len(raw)


def test_a_value_of_the_wrong_type_is_a_bug() -> None:
    with pytest.raises(ValueError, match="written as U16"):
        fields.properties({PropertyId.RECEIVE_MAXIMUM: "many"})
