"""Settings: which source wins, and what a wrong one is told."""

import re
from pathlib import Path

import msgspec
import pytest

from api.settings import ApiSettings
from api.sql.settings import SqlSettings
from chain.settings import ChainSettings, ProviderSettings
from domain.settings import DomainSettings
from indexer.settings import IndexerSettings
from receipts.settings import ReceiptSettings
from tallystick.content import ContentSettings
from tallystick.settings import BadSettings, Sources, read_sources
from tallystick.wallet import WalletSettings
from worker.settings import Settings as WorkerSettings

ROOT = Path(__file__).parents[2]
ALL = (
    ApiSettings, ChainSettings, ProviderSettings, DomainSettings, IndexerSettings, ReceiptSettings, ContentSettings,
    SqlSettings, WalletSettings, WorkerSettings,
)  # fmt: skip
READERS = "".join(
    path.read_text()
    for room in ("api", "chain", "domain", "indexer", "receipts", "tallystick", "worker")
    for path in sorted((ROOT / room).rglob("*.py"))
    if path.name != "settings.py"
)


class Pump(msgspec.Struct, frozen=True):
    litres_max: int = 10
    label: str = "pump"

    def __post_init__(self) -> None:
        if self.litres_max < 1:
            raise ValueError(f"litres_max is {self.litres_max}: it must be at least 1")


class Basin(msgspec.Struct, frozen=True):
    pumps: tuple[Pump, ...] = ()


ROOMS = frozenset({"pump", "chain"})


def test_flags_win_over_the_environment_and_the_environment_over_the_file() -> None:
    sources = Sources({"pump": {"litres_max": 1, "label": "file"}}, {"TALLYSTICK_PUMP_LITRES_MAX": "2"})
    assert sources.room(Pump, "pump") == Pump(2, "file")
    assert sources.room(Pump, "pump", litres_max=3, label=None) == Pump(3, "file")


def test_an_unknown_field_is_named_with_the_nearest_one() -> None:
    with pytest.raises(BadSettings, match=r"TALLYSTICK_PUMP_LITRE_MAX.*Did you mean 'litres_max'"):
        Sources({}, {"TALLYSTICK_PUMP_LITRE_MAX": "2"}).room(Pump, "pump")
    with pytest.raises(BadSettings, match=r"\[pump\] has no setting 'labl'. Did you mean 'label'"):
        Sources({"pump": {"labl": "x"}}, {}).room(Pump, "pump")


@pytest.mark.parametrize("value", ["many", "0"])
def test_a_value_of_the_wrong_kind_or_range_names_the_field(value: str) -> None:
    with pytest.raises(BadSettings, match="litres_max"):
        Sources({}, {"TALLYSTICK_PUMP_LITRES_MAX": value}).room(Pump, "pump")


def test_a_list_is_written_as_tables_in_the_file_and_as_json_in_the_environment() -> None:
    filed = Sources({"basin": {"pumps": [{"litres_max": 1}]}}, {})
    assert filed.room(Basin, "basin") == Basin((Pump(1),))
    sources = Sources(filed.file, {"TALLYSTICK_BASIN_PUMPS": '[{"litres_max": 2}, {}]'})
    assert sources.room(Basin, "basin") == Basin((Pump(2), Pump()))
    with pytest.raises(BadSettings, match="settings of basin: Expected `array`"):
        Sources({}, {"TALLYSTICK_BASIN_PUMPS": "2"}).room(Basin, "basin")
    with pytest.raises(BadSettings, match="TALLYSTICK_BASIN_PUMPS: 'both' is no JSON list"):
        Sources({}, {"TALLYSTICK_BASIN_PUMPS": "both"}).room(Basin, "basin")


def test_what_network_is_meant_stands_above_the_sections_and_belongs_to_no_room(tmp_path: Path) -> None:
    file = tmp_path / "network.toml"
    file.write_text('api_url = "http://here"\ndeployment = "here.json"\n[pump]\nlabel = "x"\n')
    sources = read_sources(file, {"TALLYSTICK_API_URL": "http://there"}, ROOMS)
    assert sources.places == {"api_url": "http://here", "deployment": "here.json"}
    assert sources.room(Pump, "pump") == Pump(10, "x")
    assert sources.room(Pump, "api") == Pump(), "TALLYSTICK_API_URL is no setting of the room `api`"
    file.write_text("api_url = 8001\n")
    with pytest.raises(BadSettings, match="api_url is 8001: write it as text"):
        read_sources(file, {}, ROOMS)


def test_a_file_that_is_missing_or_malformed_or_has_a_strange_section_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="no such settings file"):
        read_sources(tmp_path / "absent.toml", {}, ROOMS)
    broken = tmp_path / "broken.toml"
    broken.write_text("[pump\n")
    with pytest.raises(BadSettings, match="not TOML"):
        read_sources(broken, {}, ROOMS)
    strange = tmp_path / "strange.toml"
    strange.write_text("[pomp]\nlabel = 'x'\n")
    with pytest.raises(BadSettings, match=r"no section \[pomp\]. Did you mean 'pump'"):
        read_sources(strange, {}, ROOMS)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_every_setting_is_read_by_somebody(kind: type[msgspec.Struct]) -> None:
    """One that is not does nothing, whatever an operator writes there."""
    unread = [name for name in kind.__struct_fields__ if not re.search(rf"\.{name}\b", READERS)]
    assert not unread
