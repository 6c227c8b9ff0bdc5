"""What holds on every route: request ids, limits, problems instead of tracebacks; probes, metrics and documentation."""

import gzip
import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import msgspec
import pytest

from api.app import create_app
from api.settings import ApiSettings
from receipts.deployment import Deployment
from tests.api.conftest import SETTINGS, House, Standing, serving

pytestmark = pytest.mark.thorough

Ask = Callable[..., httpx.Response]
PROBLEM = {"type", "title", "status", "detail", "remedy", "instance"}


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/v1/nowhere", 404),
        ("DELETE", "/v1/prompts", 405),
        ("PUT", "/explorer/v1/jobs", 405),
        ("GET", "/explorer/v1/jobs/x", 404),
        ("GET", "/%ff", 404),
    ],
)
def test_what_is_not_routed_is_a_problem_with_a_remedy(standing: Standing, method: str, path: str, status: int) -> None:
    refused = standing.http.request(method, path)
    assert (refused.status_code, refused.headers["content-type"]) == (status, "application/problem+json")
    assert set(refused.json()) == PROBLEM


def test_every_answer_bears_a_request_id(standing: Standing) -> None:
    for path in ("/health", "/nowhere", "/explorer/v1/jobs/77"):
        assert len(standing.http.get(path).headers["x-request-id"]) == 32
    sent = {"X-Request-Id": "my-own-id-1"}
    assert standing.http.get("/health", headers=sent).headers["x-request-id"] == "my-own-id-1"
    strange = {"X-Request-Id": "<script>alert(1)</script>"}
    assert len(standing.http.get("/health", headers=strange).headers["x-request-id"]) == 32


def test_fifty_megabytes_are_refused_before_they_are_sent(standing: Standing) -> None:
    host, port = standing.http.base_url.host, standing.http.base_url.port
    assert port is not None
    with socket.create_connection((host, port), timeout=5) as line:
        line.sendall(b"POST /v1/prompts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n")
        line.sendall(b"Content-Length: 52428800\r\n\r\n{")
        told = line.recv(4096)
        assert told.startswith(b"HTTP/1.1 413 ")
        assert b"the body has more than the 1048576 bytes that this route takes" in told + line.recv(4096)


def test_fifty_megabytes_in_pieces_are_refused_at_the_limit(standing: Standing) -> None:
    taken = 0

    def pieces() -> Iterator[bytes]:
        nonlocal taken
        for _ in range(800):
            taken += 1 << 16
            yield b"x" * (1 << 16)

    try:
        refused = standing.http.post("/v1/prompts", content=pieces(), headers={"Content-Type": "application/json"})
        assert refused.status_code == 413
        assert set(refused.json()) == PROBLEM
    except httpx.TransportError:  # the server answered and hung up while we were still sending
        assert taken < 50 << 20


def test_a_fault_of_ours_tells_nothing_of_the_inside(
    http: httpx.Client, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("secret path /etc/passwd")

    monkeypatch.setattr(house.explorer.queries, "rows", fail)
    broken = http.get("/explorer/v1/jobs")
    assert (broken.status_code, set(broken.json())) == (500, PROBLEM)
    assert "secret" not in broken.text
    assert "Traceback" not in broken.text


def test_a_full_disk_is_told_and_nothing_is_done(ask: Ask, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house.content, "_spare_bytes", 1 << 62)
    full = ask(key="k")
    assert (full.status_code, full.json()["type"]) == (503, "/problems/unrecorded")
    monkeypatch.undo()
    assert ask(key="k").status_code == 201
    assert len(house.chain.sent) == 1


def test_health_is_the_process_and_ready_is_the_index(http: httpx.Client, house: House) -> None:
    assert http.get("/health").json()["status"] == "ok"
    ready = http.get("/ready").json()
    assert (ready["ready"], ready["head"], ready["lag_blocks"]) == (True, house.chain.height, 0)


def test_the_pins_are_the_deployment_s_own_file(http: httpx.Client, house: House) -> None:
    answered = http.get("/deployment.json")
    assert answered.headers["content-type"] == "application/json"
    assert msgspec.json.decode(answered.content, type=Deployment) == house.deployment


def test_ready_is_503_while_the_index_is_behind_or_the_chain_is_away(
    http: httpx.Client, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ahead() -> int:
        return house.explorer.head().number + 3

    with monkeypatch.context() as patched:
        patched.setattr(house.chain, "head", ahead)
        behind = http.get("/ready")
        assert (behind.status_code, behind.json()["type"]) == (503, "/problems/index-behind")
    house.chain.down = True
    assert http.get("/ready").json()["type"] == "/problems/chain-unready"
    assert http.get("/health").status_code == 200


def test_metrics_tell_of_requests_orders_and_the_index(http: httpx.Client, ask: Ask) -> None:
    ask(key="k"), ask(key="k")
    http.get("/nowhere/with/an/endless/name")
    metrics = http.get("/metrics").text
    assert 'tallystick_http_requests_total{method="POST",route="/v1/prompts",status="201"} 2.0' in metrics
    assert 'tallystick_orders_total{replayed="true"} 1.0' in metrics
    assert 'tallystick_jobs{state="open"} 1.0' in metrics
    assert "tallystick_indexer_indexed_block 2.0" in metrics
    assert "endless" not in metrics


def test_other_origins_are_let_in_by_setting_only(house: House) -> None:
    origin = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    settings = msgspec.structs.replace(SETTINGS, cors_origins=("https://app.example",))
    with serving(create_app(house.parts(settings))) as url:
        preflight = httpx.options(f"{url}/v1/prompts", headers=origin)
        assert preflight.headers["access-control-allow-origin"] == "https://app.example"
    with serving(create_app(house.parts())) as url:
        closed = httpx.get(f"{url}/health", headers=origin)
        assert "access-control-allow-origin" not in closed.headers


def test_long_answers_are_compressed_and_streams_are_not(standing: Standing) -> None:
    with standing.http.stream("GET", "/openapi.json", headers={"Accept-Encoding": "gzip"}) as response:
        assert response.headers["content-encoding"] == "gzip"
        assert json.loads(gzip.decompress(b"".join(response.iter_raw())))["openapi"].startswith("3.1")
    with standing.http.stream("GET", "/v1/prompts/4/events", headers={"Accept-Encoding": "gzip"}) as response:
        assert "content-encoding" not in response.headers


def test_every_route_is_documented_with_its_name_its_purpose_and_its_errors(standing: Standing) -> None:
    document = standing.http.get("/openapi.json").json()
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(ids) == len(set(ids)) >= 20
    for path, method, operation in operations(document):
        assert operation["summary"], path
        assert operation["tags"], path
        takes_input = operation.get("parameters") or operation.get("requestBody")
        if takes_input:
            errors = [status for status in operation["responses"] if status >= "400"]
            assert errors, f"{method} {path} documents no error"
            for status in errors:
                assert "application/problem+json" in operation["responses"][status]["content"]


def test_pages_of_documentation_load_nothing_from_elsewhere(standing: Standing) -> None:
    for page in ("/docs", "/redoc"):
        html = standing.http.get(page)
        assert html.status_code == 200
        assert "://" not in html.text
        assert "default-src 'self'" in html.headers["content-security-policy"]
        for source in html.text.split('src="')[1:]:
            file = standing.http.get(source.split('"')[0])
            assert (file.status_code, len(file.content) > 50) == (200, True)
            assert "javascript" in file.headers["content-type"]


def test_documentation_without_its_files_says_how_to_get_them(house: House) -> None:
    settings = msgspec.structs.replace(SETTINGS, docs_assets="/nowhere")
    with serving(create_app(house.parts(settings))) as url:
        missing = httpx.get(f"{url}/docs")
        assert (missing.status_code, missing.json()["remedy"]) == (503, "Run `make setup`, or read /openapi.json.")
        assert httpx.get(f"{url}/openapi.json").status_code == 200


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"port": 70_000}, "port is 70000"),
        ({"body_bytes_max": 0}, "body_bytes_max is 0"),
        ({"heartbeat_s": -1.0}, "heartbeat_s is -1.0"),
        ({"prompt_bytes_max": 2 << 20}, "prompt_bytes_max is 2097152"),
        ({"page_rows": 500}, "page_rows is 500"),
    ],
)
def test_a_setting_out_of_range_is_named(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ApiSettings(**changes)
