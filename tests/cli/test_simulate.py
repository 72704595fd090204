import asyncio
import io
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from doubles.mqtt_server import MqttServer
from rich.console import Console
from system.runners import Served

from trunkline.cli.behaviours import Behaviour
from trunkline.cli.errors import CommandError
from trunkline.cli.login import Login
from trunkline.cli.rest import Rest
from trunkline.cli.simulate import OpenRest, SimulateError, Simulation, allow_connections, simulate

NOTHING_GIVEN = Login()


class Screen(Console):
    """A console whose text can be waited for."""

    def __init__(self) -> None:
        self.more = asyncio.Event()
        super().__init__(file=io.StringIO(), width=200)

    def print(self, *objects: object, **options: object) -> None:
        super().print(*objects, **options)  # type: ignore[arg-type]  # rich's options, as they came
        self.more.set()

    @property
    def text(self) -> str:
        assert isinstance(self.file, io.StringIO)
        return self.file.getvalue()

    async def shows(self, text: str) -> None:
        async with asyncio.timeout(30):
            while text not in self.text:
                self.more.clear()
                await self.more.wait()


def at(url: str, login: Login = NOTHING_GIVEN) -> OpenRest:
    return lambda: Rest(url, login)


async def test_devices_are_made_once_and_answer_calls(demo: Served) -> None:
    for _ in range(2):  # the second time they are there already
        screen = Screen()
        running = asyncio.create_task(simulate(Simulation(20, "127.0.0.1", demo.mqtt_port), at(demo.rest), screen))
        await screen.shows("20 devices connected")
        async with Rest(demo.rest, Login()) as rest:
            device_id = await rest.device_id("Simulated 20")
            answer = await rest.call(device_id, b'{"method":"m","params":[1]}', oneway=False, wait_s=10)
            assert answer.body == b'{"method":"m","params":[1]}'
        await screen.shows(" 1 in all")
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert screen.text.endswith("1 calls answered\n")


async def test_silent_devices_hear_calls_and_say_nothing() -> None:
    async with MqttServer() as server:
        screen = Screen()
        simulation = Simulation(1, "127.0.0.1", server.port, ["A"], qos=1, behaviour=Behaviour.SILENT)
        running = asyncio.create_task(simulate(simulation, at("http://127.0.0.1:1"), screen))
        await server.arrived.get()
        server.call("A", 5, b"{}", qos=1, packet_id=1)
        await server.acknowledged.get()
        assert server.published.empty()
        await screen.shows(" 1 in all")
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert "1 calls heard" in screen.text


async def test_what_goes_wrong_is_told_in_words(demo: Served) -> None:
    async with MqttServer() as server:
        nobody = server.port
    for simulation, said in (
        (Simulation(1, "127.0.0.1", demo.mqtt_port, ["WRONG"]), "refused the access token WRONG"),
        (Simulation(1, "127.0.0.1", nobody, ["A"]), f"127.0.0.1:{nobody}: .*[Cc]onn"),
    ):
        with pytest.raises(SimulateError, match=said):
            await simulate(simulation, at(demo.rest), Screen())
    with pytest.raises(CommandError, match="Invalid username or password"):
        await simulate(Simulation(1, "127.0.0.1", nobody), at(demo.rest, Login(user="x", password="y")), Screen())


@pytest.fixture
def few_files() -> Iterator[int]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_limit_of_open_files_is_raised_as_far_as_the_system_lets(few_files: int) -> None:
    allow_connections(400)
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert soft == few_files or soft > 500
    if few_files != resource.RLIM_INFINITY:
        with pytest.raises(SimulateError, match="open files"):
            allow_connections(few_files)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_command_well(demo: Served, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "trunkline.cli.main", "simulate", "1", "--access-token=A2_TEST_TOKEN"]
    with subprocess.Popen(
        [*command, f"--mqtt-port={demo.mqtt_port}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        for line in process.stdout:
            if line.startswith("1 devices connected"):
                process.send_signal(number)
                break
        assert process.stdout.read().endswith("0 calls answered\n")
        assert process.stderr.read() == ""
    assert process.returncode == 0
