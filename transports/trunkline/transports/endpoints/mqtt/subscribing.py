"""SUBSCRIBE and UNSUBSCRIBE: what the device is told, and what the core."""

from typing import TYPE_CHECKING

from trunkline.contract.streams.frames import Subscribe, Unsubscribe
from trunkline.transports.endpoints.mqtt import endings, packets
from trunkline.transports.endpoints.mqtt.subscriptions import Granted, refuse_all

if TYPE_CHECKING:
    from trunkline.transports.endpoints.mqtt.session import MqttSession

TOO_MANY = "Too many subscriptions are not answered yet"


def subscribe(session: "MqttSession", packet: packets.Subscribe) -> None:
    """SUBACK at once, or, if the core must know of it, once the core has applied it."""
    granted = _grant(session, packet)
    suback = session.limits.word(
        lambda why: packets.suback(session.level, packet.packet_id, granted.codes, why), granted.why
    )
    if not suback:
        session.takes_too_little()
    elif not granted.calls_to and not granted.attributes:
        session.line.write(suback)
    else:
        session.subscriptions.wait(suback, granted)
        session.around.link.send(
            Subscribe(session.number, bool(granted.calls_to), granted.attributes, granted.acknowledgement)
        )


def _grant(session: "MqttSession", packet: packets.Subscribe) -> Granted:
    around = session.around
    if session.rates is not None and not session.rates.message():
        around.link.rejected("rate_limit")
        return refuse_all(packet, session.level, endings.TOO_FAST.why)
    if session.subscriptions.pending >= around.settings.max_queued_packets:
        around.link.rejected("too_many_subscriptions")
        return refuse_all(packet, session.level, TOO_MANY)
    granted = session.subscriptions.grant(packet, session.level, _attributes_filter(session))
    if granted.why:
        around.link.rejected("topic_filter")
    return granted


def unsubscribe(session: "MqttSession", packet: packets.Unsubscribe) -> None:
    """UNSUBACK at once: from here on nothing is delivered, whatever the core still sends."""
    dropped = session.subscriptions.drop(packet, _attributes_filter(session))
    if dropped.calls or dropped.attributes:
        session.around.link.send(Unsubscribe(session.number, dropped.calls, dropped.attributes))
    unsuback = packets.unsuback(session.level, packet.packet_id, dropped.codes)
    if len(unsuback) > session.limits.packet_bytes:
        session.takes_too_little()
    else:
        session.line.write(unsuback)


def _attributes_filter(session: "MqttSession") -> str:
    profile = session.mqtt_profile()
    return profile.attributes_subscribe_topic if profile is not None else ""
