import asyncio
from collections.abc import AsyncIterator

import pytest
from system.runners import Served

from trunkline.cli.answers import RestError
from trunkline.cli.errors import CommandError
from trunkline.cli.login import Login
from trunkline.cli.rest import Rest


@pytest.fixture
async def rest(demo: Served) -> AsyncIterator[Rest]:
    async with Rest(demo.rest, Login()) as rest:
        yield rest


async def test_a_device_is_found_by_name_and_taken_by_id(rest: Rest) -> None:
    device_id = await rest.device_id("Test Device A1")
    assert await rest.device_id(device_id) == device_id
    assert await rest.device_id(device_id.upper()) == device_id


async def test_no_device_of_that_name(rest: Rest) -> None:
    with pytest.raises(RestError, match='no device named "a/b & c"'):
        await rest.device_id("a/b & c")


async def test_a_device_is_made_once(rest: Rest) -> None:
    assert await rest.make_device("Made twice", "MADE_TWICE")
    assert not await rest.make_device("Made twice", "MADE_TWICE")
    with pytest.raises(RestError, match="already assigned"):
        await rest.make_device("Made with a taken token", "MADE_TWICE")


async def test_a_customers_user_finds_the_customers_devices_only(demo: Served) -> None:
    async with Rest(demo.rest, Login(user="customer@thingsboard.org", password="customer")) as rest:
        assert await rest.device_id("Test Device A1")
        for name in ("Test Device", "Test Device B1"):
            with pytest.raises(RestError, match=f'no device named "{name}"'):
                await rest.device_id(name)


async def test_the_system_administrator_sees_no_devices(demo: Served) -> None:
    async with Rest(demo.rest, Login(user="sysadmin@thingsboard.org", password="sysadmin")) as rest:
        with pytest.raises(RestError, match="give the device's id"):
            await rest.device_id("Test Device A1")


async def test_what_the_server_refuses_is_told_in_its_words(rest: Rest) -> None:
    device_id = await rest.device_id("Test Device A1")
    with pytest.raises(RestError, match=r"Invalid request body \(HTTP 400\)"):
        await rest.call(device_id, b"no json", oneway=True, wait_s=1)


async def test_a_call_that_failed_is_an_answer(rest: Rest) -> None:
    device_id = await rest.device_id("Test Device B1")
    answer = await rest.call(device_id, b'{"method":"m","failFast":true}', oneway=False, wait_s=1)
    assert (answer.status, answer.cause, answer.body) == (504, "DEVICE_OFFLINE", b"")
    assert answer.call_id


async def test_a_wrong_password_and_a_wrong_token(demo: Served) -> None:
    async with Rest(demo.rest, Login(user="tenant", password="wrong")) as rest:
        with pytest.raises(CommandError, match=r"tenant: Invalid username or password\. Log in with"):
            await rest.me()
    async with Rest(demo.rest, Login(token="wrong")) as rest:
        with pytest.raises(RestError, match="HTTP 401"):
            await rest.device_id("Test Device A1")


async def test_a_server_that_is_not_there() -> None:
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with Rest(f"http://127.0.0.1:{port}", Login()) as rest:
        with pytest.raises(RestError, match=f"127.0.0.1:{port} cannot be reached"):
            await rest.me()
    server.close()
    await server.wait_closed()
    for url in (f"http://127.0.0.1:{port}", "127.0.0.1", "http://[", "ftp://127.0.0.1"):
        with pytest.raises(CommandError):
            async with Rest(url, Login(token="t")) as rest:
                await rest.device_id("name")


async def test_something_else_that_speaks_http() -> None:
    async def page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
        writer.close()

    async with await asyncio.start_server(page, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with Rest(f"http://127.0.0.1:{port}", Login()) as rest:
            with pytest.raises(RestError, match="is not a Trunkline server"):
                await rest.me()
