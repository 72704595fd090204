"""A device that comes back and gets what waited for it; prints one line of JSON.

`drain.py PORT TOKEN COUNT` connects, subscribes with QoS 1, acknowledges and answers COUNT calls, and says how many of
them it got rid of in each second, from its subscription until the server confirmed the last reply, and whether they
came in the order of their params.
"""

import json
import socket
import sys
import time

from trunkline.transports.endpoints.mqtt import packets
from trunkline.transports.endpoints.mqtt.packets import V3_1_1

TOPIC = "v1/devices/me/rpc/request/+"
REPLY = b'{"done":true}'
SILENCE_S = 30.0


def drain(port: int, token: str, count: int) -> dict[str, float]:
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.settimeout(SILENCE_S)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.sendall(packets.connect(V3_1_1, "drain", token, keep_alive_s=0))
        assert line.recv(100)[3:4] == b"\0", "refused"
        started = time.perf_counter()
        line.sendall(packets.subscribe(V3_1_1, 1, ((TOPIC, 1),)))
        numbers = _answer(line, count)
        took = time.perf_counter() - started
        return {"rate": count / took, "in_order": numbers == sorted(numbers) and len(set(numbers)) == count}


def _answer(line: socket.socket, count: int) -> list[int]:
    """The numbers of the calls that came until `count` replies were confirmed."""
    numbers: list[int] = []
    confirmed = 0
    rest = b""
    while confirmed < count:
        data = line.recv(65536)
        if not data:
            raise ConnectionResetError("the server closed the connection")
        found, rest = packets.split_packets(rest + data)
        out: list[bytes] = []
        for first, body in found:
            confirmed += first >> 4 == packets.PUBACK
            if first >> 4 == packets.PUBLISH:
                call = packets.decode_publish(first, body, V3_1_1)
                numbers.append(json.loads(call.payload)["params"]["n"])
                topic = call.topic.replace("request", "response").encode()
                packet_id = (len(numbers) - 1) % 0xFFFF + 1
                out += packets.puback(V3_1_1, call.packet_id), packets.publish(V3_1_1, topic, REPLY, 1, packet_id)
        if out:
            line.sendall(b"".join(out))
    return numbers


if __name__ == "__main__":
    port, token, count = sys.argv[1:]
    print(json.dumps(drain(int(port), token, int(count))))
