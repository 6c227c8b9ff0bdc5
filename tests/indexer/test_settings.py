"""Settings say which field is wrong, and what it may be."""

from pathlib import Path
from typing import Any

import pytest

from indexer.settings import BadSetting, IndexerSettings


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("batch_events", 0),
        ("memory_limit_mib", 10),
        ("threads", 0),
        ("integrity_blocks", 0),
        ("history_blocks", 0),
        ("integrity_s", -1.0),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(field: str, value: Any) -> None:
    given = {"database": Path("x.duckdb"), field: value}
    with pytest.raises(BadSetting, match=field):
        IndexerSettings(**given)
