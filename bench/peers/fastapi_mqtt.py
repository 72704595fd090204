"""What a team would write in an afternoon: FastAPI in front, aiomqtt to a Mosquitto broker, a future for each call.

Written as the documentation of both shows it: a Pydantic body, a dependency that checks the JWT, the client opened in
the lifespan, one task that reads the replies. `fastapi_mqtt.py HTTP_PORT MQTT_PORT`.
"""

import asyncio
import itertools
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import aiomqtt
import jwt
import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel

SECRET = "bench-secret-of-at-least-32-bytes"
HTTP_PORT, MQTT_PORT = int(sys.argv[1]), int(sys.argv[2])

waiting: dict[int, asyncio.Future[Any]] = {}
numbers = itertools.count(1)


class Call(BaseModel):
    method: str
    params: Any = None
    timeout: int = 10_000


async def read_replies(client: aiomqtt.Client) -> None:
    async for message in client.messages:
        future = waiting.pop(int(message.topic.value.rsplit("/", 1)[1]), None)
        if future is not None and not future.done():
            future.set_result(json.loads(message.payload))


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with aiomqtt.Client("127.0.0.1", MQTT_PORT) as client:
        await client.subscribe("devices/+/rpc/response/+")
        app.state.client = client
        reader = asyncio.create_task(read_replies(client))
        yield
        reader.cancel()


app = FastAPI(lifespan=lifespan)


def current_user(x_authorization: Annotated[str, Header()]) -> str:
    try:
        claims = jwt.decode(x_authorization.removeprefix("Bearer "), SECRET, algorithms=["HS256"])
    except jwt.InvalidTokenError:
        raise HTTPException(401, "Authentication failed") from None
    return str(claims["sub"])


@app.post("/api/rpc/twoway/{device_id}")
async def two_way(device_id: str, call: Call, user: Annotated[str, Depends(current_user)]) -> Any:
    number = next(numbers)
    future = waiting[number] = asyncio.get_running_loop().create_future()
    payload = json.dumps({"method": call.method, "params": call.params})
    await app.state.client.publish(f"devices/{device_id}/rpc/request/{number}", payload)
    try:
        async with asyncio.timeout(call.timeout / 1000):
            return await future
    except TimeoutError:
        waiting.pop(number, None)
        raise HTTPException(504, "The device did not answer") from None


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=HTTP_PORT, log_level="warning", access_log=False)
