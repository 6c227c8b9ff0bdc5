"""Limits on how often one client may ask: told on every answer, refused beyond with when to come back."""

import httpx
import pytest
from litestar.types import Scope
from msgspec.structs import replace

from api import limiting
from api.app import create_app
from api.limiting import WINDOW_S, Buckets, client_of
from tests.api.conftest import SETTINGS, House, Standing, serving


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_is_emptied_at_once_and_fills_evenly() -> None:
    clock = Clock()
    buckets = Buckets(6, clock)
    assert [buckets.take("a").left for _ in range(6)] == [5, 4, 3, 2, 1, 0]
    refused = buckets.take("a")
    assert (refused.left, refused.wait_s, refused.full_in_s) == (0, WINDOW_S / 6, WINDOW_S)
    assert buckets.take("b").left == 5
    clock.now += refused.wait_s
    assert (buckets.take("a").wait_s, buckets.take("a").wait_s > 0) == (0, True)
    clock.now += WINDOW_S * 2
    assert buckets.take("a").left == 5


@pytest.mark.parametrize("most", [1, 7, 60, 1_000, 12_345])
def test_never_more_than_the_quota_is_let_through_at_once_nor_less(most: int) -> None:
    clock = Clock()
    buckets = Buckets(most, clock)
    for _ in range(3):
        allowed = sum(buckets.take("a").wait_s == 0 for _ in range(most + 5))
        assert allowed == most
        clock.now += WINDOW_S * 1.001


def test_clients_without_end_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limiting, "CLIENTS_MAX", 100)
    clock = Clock()
    buckets = Buckets(10, clock)
    for n in range(1_000):
        buckets.take(f"client {n}")
        assert len(buckets) <= 100
    clock.now += WINDOW_S * 2
    buckets.take("one")
    assert len(buckets) == 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("10.0.0.1", "10.0.0.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:1::1", False),
        ("fe80::1%eth0", "fe80::1%eth0", True),
    ],
)
def test_a_client_is_an_address_or_a_network_of_the_newer_kind(one: str, other: str, same: bool) -> None:
    def client(address: str) -> str:
        scope: Scope = {"client": (address, 1)}  # type: ignore[typeddict-item, assignment]
        return client_of(scope)

    assert (client(one) == client(other)) is same


def test_who_asks_too_often_is_told_when_to_come_back_and_probes_are_never_refused(house: House) -> None:
    with (
        serving(create_app(house.parts(replace(SETTINGS, requests_per_min=3)))) as url,
        httpx.Client(base_url=url) as http,
    ):
        answers = [http.get(path) for path in ("/explorer/v1/jobs", "/nowhere", "/explorer/v1/jobs?x=1")]
        assert [answer.status_code for answer in answers] == [200, 404, 400]
        assert answers[0].headers["ratelimit-policy"] == '"default";q=3;w=60'
        assert answers[0].headers["ratelimit"] == '"default";r=2;t=20'
        assert http.get("/explorer/v1/blocks").status_code == 200
        refused = http.get("/explorer/v1/blocks")
        assert (refused.status_code, refused.json()["type"]) == (429, "/problems/too-many-requests")
        assert 0 < int(refused.headers["retry-after"]) <= 20
        assert refused.headers["ratelimit"].startswith('"default";r=0;t=')
        assert refused.headers["x-request-id"]
        assert {http.get(path).status_code for path in ("/health", "/ready", "/metrics")} == {200}


def test_nothing_is_limited_unless_a_setting_says_so(standing: Standing) -> None:
    assert "ratelimit" not in standing.http.get("/explorer/v1/jobs").headers
