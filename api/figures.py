"""What is known of the indexer comes in, Prometheus metrics under stable names go out: the one list of these names."""

from collections.abc import Callable, Iterator, Mapping

from msgspec import Struct
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.service.ports import IndexerFigures

PREFIX = "tallystick_indexer_"
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


class Gauge(Struct, frozen=True):
    """Stands for how it is now; without a value it is left out."""

    name: str
    help: str
    read: Callable[[IndexerFigures], float | None]


class Counter(Struct, frozen=True):
    """Only grows until the process ends; `label` is what it is split by, if anything."""

    name: str
    help: str
    read: Callable[[IndexerFigures], float | Mapping[str, float]]
    label: str = ""


INDEXER: tuple[Gauge | Counter, ...] = (
    Gauge("head_block", "Newest block that the chain's providers told of", lambda now: now.head),
    Gauge("indexed_block", "Newest block that can be read here", lambda now: now.indexed),
    Gauge("final_block", "Newest block here that will not change any more", lambda now: now.final),
    Gauge("lag_blocks", "Blocks between the chain's head and what can be read here", lambda now: now.lag_blocks),
    Gauge("lag_seconds", "Age of the newest block here while there are newer ones, else 0", lambda now: now.lag_s),
    Gauge("blocks_per_second", "Blocks indexed a second, over the last seconds", lambda now: now.blocks_per_s),
    Counter(
        "stage_seconds_total",
        "Time each stage was busy (waiting, fetching, checking, decoding, storing): the one whose rate is near 1 holds "
        "the others back",
        lambda now: now.seconds,
        "stage",
    ),
    Counter("blocks_total", "Blocks read, again after a reorganisation", lambda now: now.blocks),
    Counter("logs_total", "Logs read and checked", lambda now: now.logs),
    Counter("requests_total", "Requests sent to providers", lambda now: now.requests),
    Counter("retries_total", "Requests sent again, there or elsewhere", lambda now: now.retries),
    Counter(
        "provider_errors_total", "What providers did wrong, by kind", lambda now: now.provider_errors, "kind"
    ),
    Gauge("reorgs", "Reorganisations of the chain on record", lambda now: now.reorgs),
    Gauge("parked_facts", "Facts set aside as they contradict what came before: see `tallystick parked`",
          lambda now: now.parked),
    Gauge("memory_bytes", "Resident memory of this process", lambda now: now.memory_bytes),
)  # fmt: skip


class IndexerCollector(Collector):
    """What it was shown last, for the registry."""

    def __init__(self) -> None:
        self.figures: IndexerFigures | None = None

    def collect(self) -> Iterator[Metric]:
        if self.figures is not None:
            for each in INDEXER:
                yield _family(each, self.figures)


def page(figures: IndexerFigures) -> bytes:
    """The indexer's metrics alone, for a process that has no others."""
    registry, collector = CollectorRegistry(), IndexerCollector()
    collector.figures = figures
    registry.register(collector)
    return generate_latest(registry)


def as_table() -> str:
    """The list as Markdown, for the operator's documentation."""
    rows = [f"| `{PREFIX}{each.name}{_labels(each)}` | {_kind(each)} | {each.help} |" for each in INDEXER]
    return "\n".join(["| metric | kind | meaning |", "|---|---|---|", *rows])


def _family(metric: Gauge | Counter, figures: IndexerFigures) -> Metric:
    value, name = metric.read(figures), PREFIX + metric.name
    if isinstance(metric, Gauge):
        gauge = GaugeMetricFamily(name, metric.help)
        if value is not None:
            gauge.add_metric([], value)  # type: ignore[arg-type]
        return gauge
    counter = CounterMetricFamily(name, metric.help, labels=[metric.label] if metric.label else [])
    split = value.items() if isinstance(value, Mapping) else [("", value)]
    for kind, many in split:
        counter.add_metric([kind] if metric.label else [], many)  # type: ignore[arg-type]
    return counter


def _kind(metric: Gauge | Counter) -> str:
    return type(metric).__name__.lower()


def _labels(metric: Gauge | Counter) -> str:
    return "{" + metric.label + "}" if isinstance(metric, Counter) and metric.label else ""
