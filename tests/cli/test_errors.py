from trunkline.cli.answers import RestError
from trunkline.cli.data_dir import DataDirError
from trunkline.cli.errors import CommandError
from trunkline.cli.ports import PortError
from trunkline.cli.settings import SettingsError
from trunkline.cli.simulate import SimulateError
from trunkline.cli.supervisor import StartFailed


def test_whatever_ends_a_command_is_told_without_a_traceback() -> None:
    for error in (DataDirError, PortError, RestError, SettingsError, SimulateError, StartFailed):
        assert issubclass(error, CommandError)
