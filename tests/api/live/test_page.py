"""docs/live.md names what there is."""

from pathlib import Path
from typing import get_args

import pytest
from msgspec.structs import fields

from api.live import messages
from api.live.topics import LISTS
from api.settings import ApiSettings

PAGE = (Path(__file__).parents[3] / "docs/live.md").read_text()
TAGS = [
    kind.__struct_config__.tag
    for kind in (
        messages.Put, messages.Retract, messages.HeadNow, messages.Reset, messages.Dropped, messages.Subscribed,
        messages.Heartbeat, messages.Refused,
    )
]  # fmt: skip
SETTINGS = [field.name for field in fields(ApiSettings) if field.name.startswith("live_")]


@pytest.mark.parametrize("name", [*LISTS, *TAGS, *SETTINGS, *get_args(messages.Reason)])
def test_every_topic_message_reason_and_setting_is_on_the_page(name: str) -> None:
    assert f"`{name}`" in PAGE
