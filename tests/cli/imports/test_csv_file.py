import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.cli.credentials import Credentials
from trunkline.cli.errors import CommandError
from trunkline.cli.imports.csv_file import BATCH, MOST_TOLD, batches, read_devices
from trunkline.cli.imports.device import ImportedDevice

PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"


def test_every_column() -> None:
    head = "Name,Type,Label,Customer,Description,Gateway,Access-token,MQTT client id,MQTT_USER_NAME,MQTT password,X509"
    text = f'''{head}
Pump 7,pump,"Cellar, left",Company A,Old,yes,T7,,,,
Pump 8,,,,,FALSE,,c8,u8,p8,
Pump 9,,,,,,,,,,"{PEM}"

Pump 10
'''
    assert read_devices(text) == [
        ImportedDevice(
            "Pump 7",
            "pump",
            "Cellar, left",
            "Company A",
            additional_info={"gateway": True, "description": "Old"},
            credentials=Credentials.access_token("T7"),
        ),
        ImportedDevice("Pump 8", credentials=Credentials.mqtt(client_id="c8", user_name="u8", password="p8")),
        ImportedDevice("Pump 9", credentials=Credentials.certificate(PEM)),
        ImportedDevice("Pump 10"),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_as_spreadsheets_write_it(delimiter: str, end: str) -> None:
    text = f"\ufeffname{delimiter}token{end}A{delimiter}T{end}"
    assert read_devices(text) == [ImportedDevice("A", credentials=Credentials.access_token("T"))]


@given(st.lists(st.text(min_size=1).map(str.strip).filter(bool), unique=True, max_size=20))
def test_any_names(names: list[str]) -> None:
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerows([["name", "label"], *([name, "x"] for name in names)])
    assert [device.name for device in read_devices(file.getvalue())] == names


@given(st.text())
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    for start in ("", "name,token\n", "name,gateway,mqtt password\n"):
        try:
            read_devices(start + text)
        except CommandError:
            pass


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (",T", "line 2: the device has no name"),
        ("A,T,perhaps", "line 2: 'perhaps' is neither true nor false"),
        ("A,T,,u", "line 2: a device has one kind of credentials"),
        ("A,T,,,x", "line 2: there are 5 cells for 4 columns"),
        ('A,"T', "line 2: unexpected end of data"),
        ("A,T\nA,U", "line 3: line 2 has the same name"),
        ("A,T\nB,T", "line 3: line 2 has the same token"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(line: str, said: str) -> None:
    with pytest.raises(CommandError) as error:
        read_devices(f"name,token,gateway,mqtt user name\n{line}\n")
    assert str(error.value).startswith(f"Nothing is imported:\n{said}")


def test_a_password_alone_is_no_credentials() -> None:
    with pytest.raises(CommandError, match="line 2: MQTT credentials need a client id"):
        read_devices("name,mqtt password\nA,p\n")


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("", "one of them is `name`"),
        ("label,token", "one of them is `name`"),
        ("name,toekn", "Nobody knows what to do with 'toekn'"),
        ("name,token,access_token", "Several columns say the token"),
        ("name,", "Nobody knows what to do with ''"),
    ],
)
def test_a_head_that_cannot_be_used(head: str, said: str) -> None:
    with pytest.raises(CommandError, match=said):
        read_devices(f"{head}\nA,B\n")


def test_columns_may_be_left_out() -> None:
    assert read_devices("name,rack,shelf\nA,1,2\n", ignore_unknown=True) == [ImportedDevice("A")]


def test_not_all_wrong_lines_are_told() -> None:
    with pytest.raises(CommandError, match=f"line {MOST_TOLD + 1}: .*\n… and 30 more$"):
        read_devices("name,token\n" + ",x\n" * (MOST_TOLD + 30))


async def test_batches_have_all_of_them_in_order() -> None:
    devices = [ImportedDevice(str(number)) for number in range(2 * BATCH + 1)]
    several = [batch async for batch in batches(devices)]
    assert [len(batch.candidates) for batch in several] == [BATCH, BATCH, 1]
    assert {batch.total for batch in several} == {len(devices)}
    candidates = [candidate for batch in several for candidate in batch.candidates]
    assert [await candidate.read() for candidate in candidates] == devices
    assert [candidate.name for candidate in candidates] == [device.name for device in devices]
