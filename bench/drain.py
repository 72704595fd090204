"""A device that comes back and gets what waited for it; prints one line of JSON.

`drain.py PORT TOKEN COUNT QOS` connects, subscribes, acknowledges and answers COUNT calls, and says how many of them
came in each second since it subscribed, and whether in the order of their params.
"""

import json
import socket
import sys
import time

from trunkline.transports.endpoints.mqtt import packets
from trunkline.transports.endpoints.mqtt.packets import V3_1_1

TOPIC = "v1/devices/me/rpc/request/+"
SILENCE_S = 30.0


def drain(port: int, token: str, count: int, qos: int) -> dict[str, float]:
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.settimeout(SILENCE_S)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.sendall(packets.connect(V3_1_1, "drain", token, keep_alive_s=0))
        assert line.recv(100)[3:4] == b"\0", "refused"
        started = time.perf_counter()
        line.sendall(packets.subscribe(V3_1_1, 1, ((TOPIC, qos),)))
        numbers = _answer(line, count, qos)
        took = time.perf_counter() - started
        return {"rate": count / took, "in_order": numbers == sorted(numbers) and len(set(numbers)) == count}


def _answer(line: socket.socket, count: int, qos: int) -> list[int]:
    """The numbers of the first `count` calls, all of which are answered."""
    numbers: list[int] = []
    rest = b""
    while len(numbers) < count:
        data = line.recv(65536)
        if not data:
            raise ConnectionResetError("the server closed the connection")
        found, rest = packets.split_packets(rest + data)
        out = []
        for first, body in found:
            if first >> 4 != packets.PUBLISH:
                continue
            call = packets.decode_publish(first, body, V3_1_1)
            numbers.append(json.loads(call.payload)["params"]["n"])
            if qos:
                out.append(packets.puback(V3_1_1, call.packet_id))
            topic = call.topic.replace("request", "response").encode()
            out.append(packets.publish(V3_1_1, topic, b'{"done":true}', qos, len(numbers) if qos else 0))
        line.sendall(b"".join(out))
    return numbers


if __name__ == "__main__":
    port, token, count, qos = sys.argv[1:]
    print(json.dumps(drain(int(port), token, int(count), int(qos))))
