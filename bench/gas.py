"""The contracts on a fresh chain come in; what verifying and every whole transaction costs in gas comes out.

`python -m bench.gas` prints the table, writes results/gas.json, and exits 1 if verifying costs more than its limits.
"""

import platform
import sys
from pathlib import Path
from typing import Any

import msgspec

from tests.contracts.notary import Notary, Settlement
from tests.network import MODEL_ID, OWNER, Account, Network, deployed, running

RESULT = Path(__file__).parent / "results" / "gas.json"
COORDINATOR, NODES = "InferenceCoordinator", "NodeProfileRegistry"
CID = "QmWATWQ7fVPP2EFGu71UkfnqhYXDYH566qy47CnJDgvs8u"  # as long as every CIDv0
TOKENS = (25, 64)
VALUE = 2 * 10**15
GAS = 15_000_000
BATCHES = (1, 8, 32)
VERIFY_ONE_MAX = 210_000
VERIFY_OF_32_MAX = 57_000
# What the precompiles of one check cost by themselves: four products and sums for the inputs, one pairing of four.
PRECOMPILES_ONE = 4 * (6_000 + 150) + 45_000 + 4 * 34_000

Figures = dict[str, int]


class Bench:
    """One worker and one controller, both past their first job: no slot of theirs is written for the first time."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.controller = network.orderer
        self.worker = network.register_worker()
        self.notary = Notary(network.deployment.coordinator)
        self.network.transact(self.worker, NODES, "postOffer", MODEL_ID, 10**12, 10**13)
        self.settle(self.claimed(1))
        self.settle(self.claimed(1))

    def run(self) -> Figures:
        figures = self.orders() | self.work() | self.ends()
        for size in BATCHES:
            jobs = self.claimed(size)
            receipt = self.settle_many(jobs)
            figures[f"submitReceipts x{size}, each"] = used(receipt) // size
            figures[f"verify in a batch of {size}, each"] = self.verifying(receipt) // size
        return figures

    def orders(self) -> Figures:
        now = int(self.network.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
        prompt = self.transact(self.controller, "submitPrompt", CID, MODEL_ID, value=VALUE)
        order = self.transact(
            self.controller,
            "submitOrder",
            CID,
            MODEL_ID,
            64,
            now + 3600,
            OWNER.hex,
            self.worker.hex,
            now + 600,
            value=VALUE,
        )
        return {"submitPrompt": used(prompt), "submitOrder, reserved, other refund address": used(order)}

    def work(self) -> Figures:
        figures = {"claim": used(self.transact(self.worker, "claim", self.ordered(1)[0]))}
        figures["claimJobs x8, each"] = used(self.transact(self.worker, "claimJobs", self.ordered(8))) // 8
        (job,) = self.claimed(1)
        figures["submitResponse"] = used(self.transact(self.worker, "submitResponse", job, CID))
        figures["submitReceipt after it"] = used(self.settle([job]))
        receipt = self.settle(self.claimed(1))
        figures["submitReceipt alone"] = used(receipt)
        figures["verify one"] = self.verifying(receipt)
        return figures

    def ends(self) -> Figures:
        figures = {"cancel": used(self.transact(self.controller, "cancel", self.ordered(1)[0]))}
        (job,) = self.ordered(1)
        self.network.jump(self.network.call(COORDINATOR, "order_lifetime_s") + 1)
        figures["expire"] = used(self.transact(OWNER, "expire", job))
        self.settle(self.claimed(1))
        figures["withdraw"] = used(self.transact(self.worker, "withdraw"))
        self.settle(self.claimed(1))
        return figures

    def ordered(self, count: int) -> list[int]:
        for _ in range(count):
            self.network.order(CID, VALUE)
        newest = self.network.call(COORDINATOR, "jobCount")
        return list(range(newest - count + 1, newest + 1))

    def claimed(self, count: int) -> list[int]:
        jobs = self.ordered(count)
        self.transact(self.worker, "claimJobs", jobs)
        return jobs

    def settle(self, jobs: list[int]) -> Any:
        return self.transact(self.worker, "submitReceipt", *self.settlement(jobs[0]))

    def settle_many(self, jobs: list[int]) -> Any:
        return self.transact(self.worker, "submitReceipts", [self.settlement(job) for job in jobs])

    def settlement(self, job: int) -> Settlement:
        terms = self.network.call(COORDINATOR, "termsOf", job)
        return self.notary.settle(job, self.worker.address, terms, TOKENS, CID)

    def transact(self, sender: Account, function: str, *arguments: Any, value: int = 0) -> Any:
        sent = self.network.send(sender, COORDINATOR, function, *arguments, value=value, gas=GAS)
        receipt = self.network.mined(sent)
        if receipt["status"] != "0x1":
            raise RuntimeError(f"{function} reverted in {sent}: the figures would mean nothing")
        return receipt

    def verifying(self, receipt: Any) -> int:
        """Gas that the verifier's own frame used within a transaction."""
        trace = self.network.rpc("debug_traceTransaction", receipt["transactionHash"], {"tracer": "callTracer"})
        verifier = self.network.deployment.contracts["ReceiptVerifier"].address
        return sum(int(call["gasUsed"], 16) for call in trace["calls"] if call["to"] == verifier)


def used(receipt: Any) -> int:
    return int(receipt["gasUsed"], 16)


def ratios(figures: Figures) -> dict[str, float]:
    one, batched = figures["verify one"], figures["verify in a batch of 32, each"]
    return {
        "verify one / its precompiles": round(one / PRECOMPILES_ONE, 4),
        "verify one / its limit": round(one / VERIFY_ONE_MAX, 4),
        "verify in a batch of 32 / its limit": round(batched / VERIFY_OF_32_MAX, 4),
        "verify one / in a batch of 32": round(one / batched, 2),
        "settle one / in a batch of 32": round(figures["submitReceipt alone"] / figures["submitReceipts x32, each"], 2),
    }


def main() -> int:
    with running(deployed()) as network:
        figures = Bench(network).run()
        client = network.rpc("web3_clientVersion")
    for name, gas in figures.items():
        print(f"{name:45}{gas:>10,}")
    compared = ratios(figures)
    for name, ratio in compared.items():
        print(f"{name:45}{ratio:>10}")
    result = {"figures": figures, "ratios": compared, "machine": {"node": client, "python": platform.python_version()}}
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    is_within = figures["verify one"] <= VERIFY_ONE_MAX
    is_within &= figures["verify in a batch of 32, each"] <= VERIFY_OF_32_MAX
    return 0 if is_within else 1


if __name__ == "__main__":
    sys.exit(main())
