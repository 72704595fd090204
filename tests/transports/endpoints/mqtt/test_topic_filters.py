import pytest

from trunkline.transports.endpoints.mqtt.topic_filters import matches


@pytest.mark.parametrize(
    ("topic_filter", "topic", "covered"),
    [
        ("plant/7", "plant/7", True),
        ("plant/7", "plant/70", False),
        ("plant/+/data", "plant/7/data", True),
        ("plant/+/data", "plant//data", True),
        ("plant/+/data", "plant/7/8/data", False),
        ("+", "plant", True),
        ("+", "plant/7", False),
        ("+/+", "/plant", True),
        ("plant/#", "plant", True),
        ("plant/#", "plant/7/data", True),
        ("plant/#", "plants", False),
        ("#", "any/thing", True),
        ("pl.nt/+", "plant/7", False),
        ("plant/+", "plant/a\nb", True),
        ("", "", False),
        ("", "plant", False),
    ],
)
def test_filters_cover_what_the_specification_says(topic_filter: str, topic: str, covered: bool) -> None:
    assert matches(topic_filter, topic) is covered
