"""docs/webhooks.md names what there is."""

from pathlib import Path

import pytest
from msgspec.structs import fields

from api.settings import ApiSettings
from api.webhooks.records import RETRY_S
from api.webhooks.shapes import WebhookIn

PAGE = (Path(__file__).parents[3] / "docs/webhooks.md").read_text()
SETTINGS = [field.name for field in fields(ApiSettings) if field.name.startswith(("webhook_", "operator_"))]


@pytest.mark.parametrize(
    "name", [*SETTINGS, *(field.name for field in fields(WebhookIn) if field.name != "description")]
)
def test_every_setting_and_field_is_on_the_page(name: str) -> None:
    assert name in PAGE.lower()


def test_the_page_counts_the_attempts() -> None:
    assert len(RETRY_S) + 1 == 11
    assert "eleven attempts" in PAGE
