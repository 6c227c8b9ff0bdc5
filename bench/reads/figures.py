"""What was measured comes in; ratios, and a table beside what is wanted, go out."""

from collections.abc import Iterator, Mapping

from msgspec import Struct

from bench.reads.load import Loaded

Measured = Mapping[str, "Figure"]
"""By row: `ours one`, `ponder one`, `100k newest`, `1m stats`, ..."""

GRAPHQL = ("one", "one-even", "newest", "address")
SQL = ("sql-new", "sql-repeated")
SMALL, LARGE = "100k", "1m"
CALM, READ = "indexing", "indexing read"


class Figure(Struct, frozen=True):
    """A row of the table. `cpu_us` is what a request cost all processes of the API, with what they did beside."""

    per_s: float
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    cpu_us: float = 0.0
    failed: dict[str, int] = {}


class Wanted(Struct, frozen=True):
    """Of a ratio at least, of milliseconds at most."""

    must: float
    aim: float
    at_least: bool = True

    def verdict(self, value: float) -> str:
        sign = 1 if self.at_least else -1
        return "aim" if sign * value >= sign * self.aim else "must" if sign * value >= sign * self.must else "MISSED"


WANTED: Mapping[str, Wanted] = {
    "ponder-graphql-one": Wanted(6, 15),
    "ponder-graphql-newest": Wanted(3, 8),
    "ponder-graphql-address": Wanted(3, 8),
    "ponder-sql-new": Wanted(20, 50),
    "ponder-sql-repeated": Wanted(0.5, 1),
    "1m-vs-100k-one": Wanted(0.9, 1),
    "1m-vs-100k-newest": Wanted(0.9, 1),
    "1m-vs-100k-address": Wanted(0.9, 1),
    "indexing-with-500-reads": Wanted(0.8, 0.95),
    "p99 ms, ours one": Wanted(20, 20, at_least=False),
    "p99 ms, ours newest": Wanted(50, 50, at_least=False),
    "p99 ms, ours address": Wanted(50, 50, at_least=False),
    "p99 ms, 1m stats": Wanted(50, 10, at_least=False),
    "p99 ms, 1m leaderboard": Wanted(50, 10, at_least=False),
}


def figure(loaded: Loaded) -> Figure:
    said = (loaded.per_s, loaded.p50_ms, loaded.p99_ms, loaded.cpu_us)
    return Figure(*(round(each, 2) for each in said), loaded.failed)


def ratios(measured: Measured) -> dict[str, float]:
    pairs = {f"ponder-graphql-{name}": (f"ours {name}", f"ponder {name}") for name in GRAPHQL}
    pairs |= {f"ponder-{name}": (f"ours {name}", f"ponder {name}") for name in SQL}
    pairs |= {f"1m-vs-100k-{name}": (f"{LARGE} {name}", f"{SMALL} {name}") for name in GRAPHQL}
    pairs["indexing-with-500-reads"] = READ, CALM
    return {
        name: round(measured[one].per_s / measured[other].per_s, 2)
        for name, (one, other) in pairs.items()
        if one in measured and other in measured
    }


def judged(measured: Measured) -> dict[str, float]:
    """The ratios, and the milliseconds of which something is wanted."""
    waits = {f"p99 ms, {name}": figure.p99_ms for name, figure in measured.items() if f"p99 ms, {name}" in WANTED}
    return ratios(measured) | waits


def lines(measured: Measured) -> Iterator[str]:
    yield f"{'':24}{'a second':>12}{'p50 ms':>10}{'p99 ms':>10}{'CPU us':>10}"
    for name, each in measured.items():
        failed = f"   failed: {each.failed}" if each.failed else ""
        yield f"{name:24}{each.per_s:12,.0f}{each.p50_ms:10.2f}{each.p99_ms:10.2f}{each.cpu_us:10.0f}{failed}"
    yield f"\n{'':28}{'':>10}{'must':>8}{'aim':>8}"
    for name, value in judged(measured).items():
        wanted = WANTED.get(name)
        said = f"{wanted.must:8g}{wanted.aim:8g}   {wanted.verdict(value)}" if wanted else ""
        yield f"{name:28}{value:10.2f}{said}"


def missed(measured: Measured) -> list[str]:
    """What must be and is not."""
    short = [
        f"{name}: {value}, must be {'at least' if wanted.at_least else 'at most'} {wanted.must:g}"
        for name, value in judged(measured).items()
        if (wanted := WANTED.get(name)) and wanted.verdict(value) == "MISSED"
    ]
    return short + [f"{name}: answers that failed: {each.failed}" for name, each in measured.items() if each.failed]
