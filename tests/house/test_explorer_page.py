"""docs/explorer.md names what there is: every list with its filters and orders, and the settings of the API."""

import re
from pathlib import Path

import pytest
from msgspec.structs import fields

from api.settings import ApiSettings
from indexer.explorer.lists import LISTINGS, Listing

PAGE = (Path(__file__).parents[2] / "docs/explorer.md").read_text()
ROWS = {
    cells[0].strip(" `").split("/")[-1]: [set(re.findall(r"`([^`]+)`", cell)) for cell in cells[1:]]
    for cells in (
        line.strip("|").split("|") for line in PAGE.splitlines() if line.startswith("| `") and line.count("|") == 4
    )
}


@pytest.mark.parametrize("listing", LISTINGS.values(), ids=LISTINGS)
def test_every_list_is_on_the_page_with_its_filters_and_orders(listing: Listing) -> None:
    filters, orders = ROWS[listing.name]
    assert filters == set(listing.narrowings)
    assert orders == {name.removeprefix("-") for name in listing.orders}


def test_the_page_names_no_list_that_is_not_there() -> None:
    assert set(ROWS) == set(LISTINGS)


def test_the_settings_on_the_page_are_there() -> None:
    table = PAGE[PAGE.index("| `[api]`") :]
    named = {name for line in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", line.split("|")[1])}
    assert named <= {field.name for field in fields(ApiSettings)}
    assert named >= {"page_rows_max", "count_exact_max", "settled_age_s", "requests_per_min", "cors_origins"}
