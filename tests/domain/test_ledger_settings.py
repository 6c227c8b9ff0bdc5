"""The ledger's settings are refused with the field named."""

import pytest

from domain.settings import DomainSettings


@pytest.mark.parametrize(
    ("field", "value"), [("ledger_url", "ledger.db"), ("busy_timeout_s", 0.0), ("busy_timeout_s", 601.0)]
)
def test_a_setting_out_of_range_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=field):
        DomainSettings(**{field: value})  # type: ignore[arg-type]


def test_the_defaults_are_usable() -> None:
    assert DomainSettings().ledger_url.startswith("sqlite:///")
