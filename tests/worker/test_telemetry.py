"""Telemetry: real pynvml against a library with NVML's ABI and scripted readings, and a machine without NVIDIA."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from domain.facts import GpuSample

SOURCE = Path(__file__).parent / "nvml" / "nvml_stub.c"
PROGRAM = """
import json, sys, msgspec
from worker.telemetry import Gauges
gauges = Gauges(gpu_temperature_max_c=90)
state, *scripts = sys.argv[1:]
for script in scripts:
    open(state, "w").write(script)
    reading = gauges.read(b"\\x11" * 20, at=1234)
    print(json.dumps([msgspec.to_builtins(reading.sample.gpus), reading.trouble]))
gauges.close()
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler here to build the NVML stand-in with")
    folder = tmp_path_factory.mktemp("nvml")
    name = "libnvidia-ml.so.1"
    command = [compiler, "-shared", "-fPIC", "-Wall", "-Werror", f"-Wl,-soname,{name}", "-o", str(folder / name)]
    subprocess.run([*command, str(SOURCE)], check=True)
    return folder


def readings(folder: Path, state: Path, *scripts: str) -> list[tuple[list[GpuSample], str | None]]:
    """One reading after each script of the library's state, all by one process: NVML is loaded once."""
    environment = {**os.environ, "LD_LIBRARY_PATH": str(folder), "NVML_STUB_STATE": str(state)}
    command = [sys.executable, "-c", PROGRAM, str(state), *scripts]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    return [msgspec.json.decode(line, type=tuple[list[GpuSample], str | None]) for line in done.stdout.splitlines()]


def test_every_gpu_is_read_in_plain_units(library: Path, tmp_path: Path) -> None:
    script = "count=2\ngpu0.utilisation=73\ngpu0.temperature=61\ngpu0.milliwatts=312500\ngpu1.memory_used=2147483648\n"
    ((gpus, trouble),) = readings(library, tmp_path / "state", script)
    assert trouble is None
    assert gpus[0] == GpuSample(
        name="Stub GPU 0",
        uuid="GPU-00000000-0000-0000-0000-000000000000",
        utilisation_percent=73.0,
        memory_used=1 << 30,
        memory_total=80 << 30,
        temperature_c=61.0,
        power_w=312.5,
    )
    assert gpus[1].memory_used == 2 << 30


def test_what_a_gpu_does_not_tell_is_absent_not_zero(library: Path, tmp_path: Path) -> None:
    ((gpus, trouble),) = readings(library, tmp_path / "state", "gpu0.power_hidden=1\n")
    assert gpus[0].power_w is None
    assert trouble is None


def test_a_gpu_that_is_lost_is_named_and_has_no_figures_and_may_come_back(library: Path, tmp_path: Path) -> None:
    lost, found = readings(library, tmp_path / "state", "count=2\ngpu1.error=15\n", "count=2\n")
    assert [gpu.name for gpu in lost[0]] == ["Stub GPU 0"]
    assert lost[1] == "GPU 1: GPU is lost"
    assert [gpu.name for gpu in found[0]] == ["Stub GPU 0", "Stub GPU 1"]
    assert found[1] is None


def test_a_gpu_that_is_too_hot_speaks_against_work(library: Path, tmp_path: Path) -> None:
    ((gpus, trouble),) = readings(library, tmp_path / "state", "gpu0.temperature=95\n")
    assert gpus[0].temperature_c == 95.0
    assert trouble == "GPU 0 has 95 C, more than gpu_temperature_max_c"


def test_a_driver_that_goes_away_is_opened_again_later(library: Path, tmp_path: Path) -> None:
    gone, back = readings(library, tmp_path / "state", "count.error=999\n", "count=1\n")
    assert gone[0] == []
    assert gone[1] is not None
    assert gone[1].startswith("the GPUs cannot be counted")
    assert len(back[0]) == 1


def test_a_machine_without_a_driver_reports_processor_and_memory_only(tmp_path: Path) -> None:
    (tmp_path / "libnvidia-ml.so.1").write_bytes(b"this is no library")
    ((gpus, trouble),) = readings(tmp_path, tmp_path / "state", "")
    assert (gpus, trouble) == ([], None)


def test_a_sample_says_what_processor_and_memory_do() -> None:
    from worker.telemetry import Gauges

    gauges = Gauges(gpu_temperature_max_c=90)
    sample = gauges.read(b"\x11" * 20, at=1234).sample
    gauges.close()
    assert (sample.node, sample.at) == (b"\x11" * 20, 1234)
    assert 0 <= sample.cpu_percent <= 100
    assert 0 < sample.memory_used < sample.memory_total
