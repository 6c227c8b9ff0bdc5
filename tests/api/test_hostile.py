"""Every parameter of every route of the explorer, by its OpenAPI entry: whatever it is given is foreseen."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.conftest import Standing

PREFIX = "/explorer/v1/"
HOSTILE = (
    "", "%00", "a%00b", "%ff%fe", "%ed%a0%80", "-1", "0", "1e9", "99999999999999999999", "9" * 200,
    "0x", "0x" + "g" * 40,
    "%27%3B%20DROP%20TABLE%20final.jobs%3B--", "%22", "%3Cscript%3E", "../../etc/passwd", "null", "true", "[]", "{}",
    "%F0%9F%92%A9", "a" * 5_000, "2026-02-30", "9999-12-31T23:59:59.999999-23:59", "0001-01-01", "NaN",
    "%0d%0aSet-Cookie:%20x=1",
)  # fmt: skip
FIT = {
    "job_id": "1", "block": "1", "log_index": "0", "reorg": "1", "address": "0x" + "ab" * 20, "hash_": "0x" + "ab" * 32,
    "name": "jobs.csv",
}  # fmt: skip


def routes(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        if path.startswith(PREFIX) and "get" in methods and "text/event-stream" not in str(methods["get"]["responses"]):
            yield path, methods["get"]


def requests(path: str, operation: dict[str, Any]) -> Iterator[str]:
    """Each parameter in turn holds something hostile, the others what fits; then two of a name, and an unknown one."""
    parameters = operation.get("parameters", [])
    in_path = [each["name"] for each in parameters if each["in"] == "path"]
    plain = filled(path, {})
    for name in in_path:
        for value in HOSTILE:
            yield filled(path, {name: value or "%20"})
    for each in parameters:
        if each["in"] == "query":
            yield from (f"{plain}?{each['name']}={value}" for value in HOSTILE)
            yield f"{plain}?{each['name']}=1&{each['name']}=1"
    yield f"{plain}?no_such_thing=1"


def filled(path: str, given: dict[str, str]) -> str:
    for name in [part.split("}")[0] for part in path.split("{")[1:]]:
        path = path.replace("{" + name + "}", given.get(name, FIT.get(name, "x")))
    return path


@pytest.mark.slow
def test_whatever_a_parameter_is_given_the_answer_is_documented_and_no_fault_of_ours(standing: Standing) -> None:
    document = standing.http.get("/openapi.json").json()
    asked = 0
    for path, operation in routes(document):
        documented = {int(status) for status in operation["responses"]} | {404}
        for url in requests(path, operation):
            answer = standing.http.get(url)
            assert answer.status_code in documented, f"{url[:200]} answers {answer.status_code}: {answer.text[:300]}"
            assert "set-cookie" not in answer.headers, url
            if answer.status_code >= 400:
                assert answer.headers["content-type"] == "application/problem+json", url[:200]
                assert answer.json()["remedy"], url[:200]
            asked += 1
    assert asked > 1_000


def test_every_route_of_the_explorer_refuses_a_parameter_that_it_does_not_take(standing: Standing) -> None:
    for path, _ in routes(standing.http.get("/openapi.json").json()):
        refused = standing.http.get(f"{filled(path, {})}?no_such_thing=1")
        assert (refused.status_code, refused.json()["type"]) == (400, "/problems/unknown-parameter"), path
