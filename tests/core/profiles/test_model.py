from trunkline.core.profiles.model import DeviceProfile, ProfileDetails, unasked_profile


def test_a_profile_that_nobody_described_says_so() -> None:
    one, two = (unasked_profile(b"t" * 16, "pump", 5) for _ in range(2))
    assert one == DeviceProfile(one.id, b"t" * 16, ProfileDetails("pump", "Default device profile"), 5)
    assert not one.is_default
    assert one.id != two.id
    assert unasked_profile(b"t" * 16, "default", 5, is_default=True).is_default
