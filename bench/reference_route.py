"""The reference for HTTP figures: an empty Starlette route on the same uvicorn; reads the body, answers a constant."""

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

ANSWER = b'{"pin":7,"value":1}'


class Empty:
    """A raw endpoint: what Starlette itself costs, and nothing else."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await Request(scope, receive).body()
        await Response(ANSWER, media_type="application/json")(scope, receive, send)


app = Starlette(routes=[Route("/reference", Empty(), methods=["POST"])])

if __name__ == "__main__":
    port = int(sys.argv[1])
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", access_log=False, loop="uvloop")
    )
    server.run()
