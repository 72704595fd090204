"""Names for devices whose name is taken."""

import re

from trunkline.core.devices.names import NameConflict, free_name


def test_a_free_name_stays_as_it_is() -> None:
    assert free_name("Pump", {"Pump_1"}, NameConflict()) == "Pump"


def test_a_taken_one_gets_six_letters_or_digits() -> None:
    made = {free_name("Pump", {"Pump"}, NameConflict(separator="-")) for _ in range(20)}
    assert len(made) == 20
    assert all(re.fullmatch("Pump-[A-Za-z0-9]{6}", name) for name in made)


def test_or_the_first_free_number() -> None:
    counted = NameConflict(count=True)
    assert free_name("Pump", {"Pump"}, counted) == "Pump_1"
    assert free_name("Pump", {"Pump", "Pump_1", "Pump_3"}, counted) == "Pump_2"
