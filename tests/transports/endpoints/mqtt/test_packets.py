from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.transports.endpoints.mqtt import packets
from trunkline.transports.endpoints.mqtt.fields import Malformed, Properties, PropertyId
from trunkline.transports.endpoints.mqtt.packets import V3_1, V3_1_1, V5, Will
from trunkline.transports.endpoints.mqtt.reason_codes import ReasonCode

LEVELS = [V3_1, V3_1_1, V5]
levels = st.sampled_from(LEVELS)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)
topics = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0+#"), min_size=1, max_size=60)
packet_ids = st.integers(1, 65_535)
wills = st.none() | st.builds(Will, topics, st.binary(max_size=50), st.integers(0, 2), st.booleans())


def only(data: bytes) -> tuple[int, bytes]:
    """The one packet in `data`."""
    ((first, body),), rest = packets.split_packets(data)
    assert not rest
    return first, body


@given(
    levels, texts, st.none() | texts, st.none() | st.binary(max_size=50), st.booleans(), st.integers(0, 65_535), wills
)
def test_connect_comes_back(
    level: int,
    client_id: str,
    user_name: str | None,
    password: bytes | None,
    clean: bool,
    keep_alive_s: int,
    will: Will | None,
) -> None:
    client_id = client_id[:23] or "x" if level == V3_1 else client_id
    values: Properties = {PropertyId.RECEIVE_MAXIMUM: 3} if level == V5 else {}
    sent = packets.connect(
        level, client_id, user_name, password, clean=clean, keep_alive_s=keep_alive_s, will=will, values=values
    )
    first, body = only(sent)
    assert packets.check_flags(first, level) == packets.CONNECT
    assert packets.decode_connect(body) == packets.Connect(
        level, client_id, clean, keep_alive_s, user_name, password, will, values
    )


@given(levels, topics, st.binary(max_size=300), st.integers(0, 2), packet_ids)
def test_publish_comes_back(level: int, topic: str, payload: bytes, qos: int, packet_id: int) -> None:
    packet_id = packet_id if qos else 0
    first, body = only(packets.publish(level, topic.encode(), payload, qos, packet_id))
    assert packets.decode_publish(first, body, level) == packets.Publish(topic, payload, qos, packet_id)


@given(levels, packet_ids, st.sampled_from([0, 0x10, 0x90, 0x99]))
def test_puback_comes_back(level: int, packet_id: int, reason: int) -> None:
    first, body = only(packets.puback(level, packet_id, reason))
    assert first == packets.PUBACK << 4
    assert packets.decode_puback(body, level) == (packet_id, reason if level == V5 else 0)


@given(levels, packet_ids, st.lists(st.tuples(texts, st.integers(0, 2)), min_size=1, max_size=5))
def test_subscribe_comes_back(level: int, packet_id: int, filters: list[tuple[str, int]]) -> None:
    first, body = only(packets.subscribe(level, packet_id, tuple(filters)))
    assert packets.check_flags(first, level) == packets.SUBSCRIBE
    assert packets.decode_subscribe(body, level) == packets.Subscribe(packet_id, tuple(filters))


@given(levels, packet_ids, st.lists(texts, min_size=1, max_size=5))
def test_unsubscribe_comes_back(level: int, packet_id: int, filters: list[str]) -> None:
    first, body = only(packets.unsubscribe(level, packet_id, tuple(filters)))
    assert packets.check_flags(first, level) == packets.UNSUBSCRIBE
    assert packets.decode_unsubscribe(body, level) == packets.Unsubscribe(packet_id, tuple(filters))


@given(levels, packet_ids, st.binary(min_size=1, max_size=5))
def test_suback_comes_back(level: int, packet_id: int, codes: bytes) -> None:
    assert packets.decode_suback(only(packets.suback(level, packet_id, codes))[1], level) == (packet_id, codes)


def test_unsuback_has_codes_only_in_version_5() -> None:
    assert packets.unsuback(V3_1_1, 5, b"\x00") == b"\xb0\x02\x00\x05"
    assert packets.decode_suback(only(packets.unsuback(V5, 5, b"\x00\x11"))[1], V5) == (5, b"\x00\x11")


def test_connack_comes_back() -> None:
    assert packets.connack(V3_1_1, 5) == b"\x20\x02\x00\x05"
    sent = packets.connack(V5, 0, {PropertyId.ASSIGNED_CLIENT_ID: "trunkline-1"})
    assert packets.decode_connack(only(sent)[1], V5) == packets.Connack(
        False, 0, {PropertyId.ASSIGNED_CLIENT_ID: "trunkline-1"}
    )
    with pytest.raises(Malformed):
        packets.decode_connack(b"\x02\x00", V3_1_1)


def test_disconnect_has_a_reason_only_in_version_5() -> None:
    assert packets.disconnect(V3_1_1, 0x8E) == packets.disconnect(V5) == b"\xe0\x00"
    assert packets.disconnect(V5, 0x8E) == b"\xe0\x01\x8e"
    told = only(packets.disconnect(V5, 0x8E, "another session"))[1]
    assert packets.decode_disconnect(told, V5) == 0x8E
    assert packets.decode_disconnect(b"", V5) == packets.decode_disconnect(b"", V3_1_1) == 0
    with pytest.raises(Malformed):
        packets.decode_disconnect(b"\x00", V3_1_1)


def test_known_bytes() -> None:
    # Written out by hand: what a codec reads and writes itself could be wrong twice.
    connect = bytes.fromhex("101e00044d5154540482003c0008612d6465766963650008612d746f6b656e21")
    assert packets.decode_connect(only(connect)[1]) == packets.Connect(V3_1_1, "a-device", True, 60, "a-token!", None)
    assert packets.publish(V3_1_1, b"a/b", b"{}", 1, 10) == bytes.fromhex("32090003612f62000a7b7d")
    assert packets.publish(V5, b"a/b", b"{}") == bytes.fromhex("30080003612f62007b7d")
    expiring = bytes.fromhex("050200000007")
    assert packets.publish(V5, b"a/b", b"{}", values=expiring) == bytes.fromhex("300d0003612f620502000000077b7d")
    assert packets.publish(V3_1_1, b"a/b", b"{}", values=expiring) == packets.publish(V3_1_1, b"a/b", b"{}")
    assert packets.subscribe(V3_1_1, 1, (("a/+", 1),)) == bytes.fromhex("820800010003612f2b01")


def test_a_long_packet_has_a_longer_length() -> None:
    sent = packets.publish(V3_1_1, b"t", bytes(200))
    assert sent[1:3] == b"\xcb\x01"
    assert packets.packet_at(sent, 0) == (3, len(sent))
    long = packets.packet(packets.CONNECT << 4, bytes(200))
    assert packets.packet_at(long, 0) == (3, len(long))


def test_too_few_bytes_are_not_yet_a_packet() -> None:
    assert packets.packet_at(b"", 0) is None
    assert packets.packet_at(b"\x30\xff\xff", 0) is None
    assert packets.packet_at(b"\x30\x05ab", 0) == (2, 7)
    assert packets.split_packets(b"\xc0\x00\x30\x05ab") == ([(0xC0, b"")], b"\x30\x05ab")


def test_a_packet_over_the_limit_is_refused_by_its_length_alone() -> None:
    assert packets.packet_at(b"\x30\x80\x80\x04", 0, 65_536) == (4, 65_540)
    with pytest.raises(Malformed, match="at most 65536"):
        packets.packet_at(b"\x30\x81\x80\x04", 0, 65_536)
    with pytest.raises(Malformed, match="longer than four"):
        packets.packet_at(b"\x30\xff\xff\xff\xff", 0)


CONNECT_HEAD = b"\x00\x04MQTT"
OLD_HEAD = b"\x00\x06MQIsdp"

MALFORMED: list[tuple[str, Callable[[], object]]] = [
    ("unknown protocol", lambda: packets.decode_connect(b"\x00\x04MQTT\x06\x02\x00\x3c\x00\x00")),
    ("name and level of different versions", lambda: packets.decode_connect(OLD_HEAD + b"\x04\x02\x00\x3c\x00\x00")),
    ("reserved flag", lambda: packets.decode_connect(CONNECT_HEAD + b"\x04\x03\x00\x3c\x00\x00")),
    ("client id of 3.1 absent", lambda: packets.decode_connect(OLD_HEAD + b"\x03\x02\x00\x3c\x00\x00")),
    ("will flags without will", lambda: packets.decode_connect(CONNECT_HEAD + b"\x04\x22\x00\x3c\x00\x00")),
    ("will of QoS 3", lambda: packets.decode_connect(CONNECT_HEAD + b"\x04\x1e\x00\x3c\x00\x00\x00\x01t\x00\x00")),
    ("user name promised, absent", lambda: packets.decode_connect(CONNECT_HEAD + b"\x04\x82\x00\x3c\x00\x00")),
    ("bytes behind CONNECT", lambda: packets.decode_connect(CONNECT_HEAD + b"\x04\x02\x00\x3c\x00\x00x")),
    ("empty PUBLISH", lambda: packets.decode_publish(0x30, b"", V3_1_1)),
    ("topic cut", lambda: packets.decode_publish(0x30, b"\x00\x05ab", V3_1_1)),
    ("topic with wildcard", lambda: packets.decode_publish(0x30, b"\x00\x03a/+", V3_1_1)),
    ("topic with U+0000", lambda: packets.decode_publish(0x30, b"\x00\x01\x00", V3_1_1)),
    ("topic not UTF-8", lambda: packets.decode_publish(0x30, b"\x00\x01\xff", V3_1_1)),
    ("topic empty in version 3", lambda: packets.decode_publish(0x30, b"\x00\x00", V3_1_1)),
    ("QoS 3", lambda: packets.decode_publish(0x36, b"\x00\x01a\x00\x01", V3_1_1)),
    ("packet id 0", lambda: packets.decode_publish(0x32, b"\x00\x01a\x00\x00", V3_1_1)),
    ("packet id absent", lambda: packets.decode_publish(0x32, b"\x00\x01a", V3_1_1)),
    ("PUBACK of packet id 0", lambda: packets.decode_puback(b"\x00\x00", V3_1_1)),
    ("bytes behind PUBACK", lambda: packets.decode_puback(b"\x00\x01\x00", V3_1_1)),
    ("bytes behind PUBACK's properties", lambda: packets.decode_puback(b"\x00\x01\x00\x00x", V5)),
    ("SUBSCRIBE without filters", lambda: packets.decode_subscribe(b"\x00\x01", V3_1_1)),
    ("SUBSCRIBE with QoS 3", lambda: packets.decode_subscribe(b"\x00\x01\x00\x01a\x03", V3_1_1)),
    ("SUBSCRIBE with options of version 5", lambda: packets.decode_subscribe(b"\x00\x01\x00\x01a\x04", V3_1_1)),
    ("SUBSCRIBE with retain handling 3", lambda: packets.decode_subscribe(b"\x00\x01\x00\x00\x01a\x30", V5)),
    ("UNSUBSCRIBE without filters", lambda: packets.decode_unsubscribe(b"\x00\x01", V3_1_1)),
    ("bytes behind DISCONNECT", lambda: packets.decode_disconnect(b"\x00\x00x", V5)),
    ("SUBSCRIBE with DUP after version 3.1", lambda: packets.check_flags(0x8A, V3_1_1)),
    ("SUBSCRIBE with wrong flags", lambda: packets.check_flags(0x80, V3_1_1)),
    ("PINGREQ with flags", lambda: packets.check_flags(0xC1, V3_1)),
]  # fmt: skip  # one case a line


@pytest.mark.parametrize("decode", [case[1] for case in MALFORMED], ids=[case[0] for case in MALFORMED])
def test_what_the_specification_forbids_is_malformed(decode: Callable[[], object]) -> None:
    with pytest.raises(Malformed):
        decode()


def test_missing_filters_are_a_protocol_error() -> None:
    with pytest.raises(Malformed) as caught:
        packets.decode_subscribe(b"\x00\x01", V3_1_1)
    assert caught.value.reason == ReasonCode.PROTOCOL_ERROR


@given(st.binary(max_size=200), levels, st.integers(0, 255))
def test_any_bytes_are_a_packet_or_malformed(body: bytes, level: int, first: int) -> None:
    decoders: list[Callable[[], object]] = [
        lambda: packets.decode_connect(body),
        lambda: packets.decode_publish(first, body, level),
        lambda: packets.decode_puback(body, level),
        lambda: packets.decode_subscribe(body, level),
        lambda: packets.decode_unsubscribe(body, level),
        lambda: packets.decode_disconnect(body, level),
        lambda: packets.decode_connack(body, level),
        lambda: packets.decode_suback(body, level),
        lambda: packets.packet_at(body, 0),
        lambda: packets.check_flags(first, level),
    ]
    for decode in decoders:
        try:
            decode()
        except Malformed:
            pass


@pytest.mark.parametrize(("cut", "shown"), [(16, (None, None)), (10, ("user", None)), (0, ("user", b"password"))])
def test_version_3_1_may_leave_out_what_it_promised(cut: int, shown: tuple[str | None, bytes | None]) -> None:
    _, body = only(packets.connect(V3_1, "id", "user", b"password"))
    found = packets.decode_connect(body[: len(body) - cut])
    assert (found.user_name, found.password) == shown


def test_version_3_1_subscribes_once_more_with_dup() -> None:
    assert packets.check_flags(0x8A, V3_1) == packets.SUBSCRIBE


@given(st.sampled_from([V3_1_1, V5]), st.data())
def test_no_cut_connect_is_whole(level: int, data: st.DataObject) -> None:
    values: Properties = {PropertyId.RECEIVE_MAXIMUM: 3, PropertyId.SESSION_EXPIRY: 9} if level == V5 else {}
    _, body = only(packets.connect(level, "id", "user", b"password", will=Will("t", b"w", 1, True), values=values))
    with pytest.raises(Malformed):
        packets.decode_connect(body[: data.draw(st.integers(0, len(body) - 1))])
