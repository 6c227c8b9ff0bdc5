"""`tallystick webhook` against a real API: added, listed, sent again and removed, and refused without the token."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from api.app import create_app
from tallystick.cli import main
from tests.api.conftest import SETTINGS, House, house, serving

__all__ = ["house"]

TOKEN = "correct horse battery staple"


@pytest.fixture
def webhook(house: House, tmp_path: Path) -> "Callable[..., Result]":
    settings = replace(
        SETTINGS, operator_token=TOKEN, webhook_private_targets=True, webhook_key_file=str(tmp_path / "key")
    )
    app = create_app(house.parts(settings))

    def run(*words: str, token: str = TOKEN) -> Result:
        with serving(app) as url:
            environ = {"TALLYSTICK_API_OPERATOR_TOKEN": token, "TALLYSTICK_API_URL": url}
            return CliRunner().invoke(main, ["webhook", *words], env=environ)

    return run


def test_a_webhook_is_added_listed_sent_again_and_removed(webhook: "Callable[..., Result]") -> None:
    added = webhook("add", "http://127.0.0.1:9/hook", "--topic", "jobs", "--instant")
    assert added.exit_code == 0, added.output
    name = added.output.split()[1]
    assert "whsec_" in added.output
    assert name in webhook("list").output
    assert webhook("resend", name).output == "0 deliveries are sent again\n"
    assert webhook("remove", name).output == f"removed {name}\n"
    assert name not in webhook("list").output


def test_another_token_is_declined_with_what_to_send(webhook: "Callable[..., Result]") -> None:
    declined = webhook("list", token="another token of some length")
    assert "Authorization: Bearer" in str(declined.exception)
