"""A device on the Paho library's own thread: it answers calls and remembers them."""

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

Answer = Callable[[str, Any], bytes | None]
"""Method and params in, the reply's bytes out; None to stay silent."""

TOPICS = "v1/devices/me/rpc/request/+"


def echo(method: str, params: Any) -> bytes:
    """Reply with what was asked."""
    return msgspec.json.encode({"did": method, "with": params})


@contextmanager
def paho_device(
    port: int,
    token: str,
    *,
    protocol: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv311,
    qos: int = 1,
    answer: Answer = echo,
) -> Iterator["queue.SimpleQueue[tuple[int, bytes]]"]:
    """A connected and subscribed device; yields the queue of calls it gets: (request id, payload)."""
    calls: queue.SimpleQueue[tuple[int, bytes]] = queue.SimpleQueue()
    subscribed = threading.Event()

    def on_connect(client: mqtt.Client, *_: object) -> None:
        client.subscribe(TOPICS, qos=qos)

    def on_message(client: mqtt.Client, _: object, message: mqtt.MQTTMessage) -> None:
        calls.put((int(message.topic.rpartition("/")[2]), bytes(message.payload)))
        call = msgspec.json.decode(message.payload)
        reply = answer(call["method"], call["params"])
        if reply is not None:
            client.publish(message.topic.replace("request", "response"), reply, qos=qos)

    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=protocol)
    client.username_pw_set(token)
    client.on_connect = on_connect
    client.on_subscribe = lambda *_: subscribed.set()
    client.on_message = on_message
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        assert subscribed.wait(10), "the device could not subscribe"
        yield calls
    finally:
        client.disconnect()
        client.loop_stop()
