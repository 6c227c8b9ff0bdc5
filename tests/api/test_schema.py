"""The OpenAPI document against the server: whatever is sent, answers are as documented and never a fault of ours."""

import subprocess
import sys

import pytest
from msgspec.structs import replace

from api.app import create_app
from tests.api.conftest import SETTINGS, House, serving

pytest.importorskip("schemathesis", reason="schemathesis is not installed: pip install -e .[dev]")

LEFT_OUT = "^/v1/prompts/.*/events$|^/explorer/v1/live$|^/explorer/v1/sql$"
"""A stream ends when its job does, or never; and SQL, which is off here, answers 503 to all."""

UNSTATED = "positive_data_acceptance"  # a schema cannot say that a CID hashes, or that a model exists


@pytest.mark.slow
def test_no_request_brings_an_undocumented_answer(house: House) -> None:
    settings = replace(SETTINGS, answer_wait_s_max=0.1)
    with serving(create_app(house.parts(settings))) as url:
        command = [
            sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json", "--seed", "1",
            "--max-examples", "10", "--phases", "examples,coverage,fuzzing", "--exclude-path-regex", LEFT_OUT,
            "--exclude-checks", UNSTATED,
            "--no-color",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, cwd=house.folder)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
