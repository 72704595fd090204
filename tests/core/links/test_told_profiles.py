"""What a worker is told of profiles."""

import pytest

from trunkline.contract.ids import new_id
from trunkline.contract.streams.frames import ProfileChanged
from trunkline.core.links.told_profiles import ToldProfiles
from trunkline.core.profiles.model import DeviceProfile, ProfileDetails
from trunkline.core.profiles.transports import TransportProfiles
from trunkline.core.store.store import Store

PUMP = b"p" * 16


class Told:
    """A worker that remembers what it was told, and the cache behind it."""

    def __init__(self, store: Store) -> None:
        self.cache = TransportProfiles(store.profiles)
        self.frames: list[ProfileChanged] = []
        self.profiles = ToldProfiles(self.cache, self.frames.append)

    def change(self, version: int, profile_id: bytes = PUMP) -> None:
        self.cache.changed(DeviceProfile(profile_id, b"t" * 16, ProfileDetails("pump"), 0, version))

    def versions(self) -> list[int]:
        """What it was told since the last time."""
        versions = [frame.profile.version for frame in self.frames]
        self.frames.clear()
        return versions


@pytest.fixture
def told(store: Store) -> Told:
    return Told(store)


def test_each_version_is_told_once(told: Told) -> None:
    told.change(1)
    assert told.profiles.untold(PUMP) == told.cache.cached(PUMP)
    assert told.profiles.untold(PUMP) is None
    told.profiles.tell(PUMP)
    assert told.versions() == []
    told.change(2)
    told.profiles.changed(PUMP)
    told.profiles.changed(PUMP)
    told.profiles.tell(PUMP)
    assert told.versions() == [2]
    assert told.profiles.untold(PUMP) is None


def test_what_a_worker_does_not_know_is_not_news_to_it(told: Told) -> None:
    told.change(1)
    told.profiles.changed(PUMP)
    assert told.versions() == []
    told.profiles.tell(PUMP)
    assert told.versions() == [1]


def test_after_a_break_it_is_told_how_things_stand(told: Told) -> None:
    valve = new_id()
    told.change(1)
    told.change(1, valve)
    told.profiles.tell(PUMP)
    told.profiles.tell(valve)
    told.change(2)
    told.versions()
    told.profiles.tell_again()
    assert told.versions() == [2, 1]
    assert told.profiles.untold(PUMP) is None


def test_a_profile_that_is_not_at_hand_is_not_told(told: Told) -> None:
    assert told.profiles.untold(PUMP) is None
    told.profiles.tell(PUMP)
    assert told.versions() == []
    told.change(1)
    told.profiles.tell(PUMP)
    assert told.versions() == [1]
