"""The machine's readings come in through NVML and psutil, one sample goes out; what was not measured is absent."""

from typing import Any

import psutil  # type: ignore[import-untyped]
from msgspec import Struct

from domain.facts import GpuSample, TelemetrySampled


class Reading(Struct, frozen=True):
    """A sample, and what in it speaks against taking work."""

    sample: TelemetrySampled
    trouble: str | None


class Gauges:
    """Reads CPU, memory and every GPU that a driver shows. Blocking: call it in a thread."""

    def __init__(self, gpu_temperature_max_c: float) -> None:
        self._temperature_max_c = gpu_temperature_max_c
        self._nvml: Any = None
        self._has_driver = True
        psutil.cpu_percent()  # the first call only starts the measurement

    def read(self, node: bytes, at: int) -> Reading:
        memory = psutil.virtual_memory()
        gpus, troubles = self._read_gpus()
        sample = TelemetrySampled(node, at, psutil.cpu_percent(), memory.used, memory.total, tuple(gpus))
        return Reading(sample, "; ".join(troubles) or None)

    def close(self) -> None:
        if self._nvml is not None:
            self._nvml.nvmlShutdown()
            self._nvml = None

    def _read_gpus(self) -> tuple[list[GpuSample], list[str]]:
        import pynvml  # type: ignore[import-untyped]

        if self._nvml is None and not self._open(pynvml):
            return [], []
        gpus, troubles = [], []
        try:
            count = pynvml.nvmlDeviceGetCount()
        except pynvml.NVMLError as fault:
            self._nvml = None  # the driver was restarted or unloaded: open it again next time
            return [], [f"the GPUs cannot be counted: {fault}"]
        for index in range(count):
            try:
                gpu = _read_gpu(pynvml, index)
            except pynvml.NVMLError as fault:
                troubles.append(f"GPU {index}: {fault}")
                continue
            gpus.append(gpu)
            if gpu.temperature_c is not None and gpu.temperature_c > self._temperature_max_c:
                troubles.append(f"GPU {index} has {gpu.temperature_c:.0f} C, more than gpu_temperature_max_c")
        return gpus, troubles

    def _open(self, pynvml: Any) -> bool:
        """Whether there is a driver; a machine without one is asked once."""
        if not self._has_driver:
            return False
        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError:
            self._has_driver = False
            return False
        self._nvml = pynvml
        return True


def _read_gpu(pynvml: Any, index: int) -> GpuSample:
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    milliwatts = _optional(pynvml, pynvml.nvmlDeviceGetPowerUsage, handle)
    return GpuSample(
        name=str(pynvml.nvmlDeviceGetName(handle)),
        uuid=str(pynvml.nvmlDeviceGetUUID(handle)),
        utilisation_percent=float(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu),
        memory_used=int(memory.used),
        memory_total=int(memory.total),
        temperature_c=_optional(pynvml, pynvml.nvmlDeviceGetTemperature, handle, pynvml.NVML_TEMPERATURE_GPU),
        power_w=None if milliwatts is None else milliwatts / 1000,
    )


def _optional(pynvml: Any, read: Any, *arguments: Any) -> float | None:
    """A reading that not every GPU offers."""
    try:
        return float(read(*arguments))
    except pynvml.NVMLError_NotSupported:
        return None
