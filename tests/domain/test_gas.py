"""What a job must pay for its gas."""

import json
from pathlib import Path

from domain.gas import CLAIM_GAS, JOB_GAS, SETTLE_GAS, least_pay

MEASURED = json.loads((Path(__file__).parents[2] / "bench/results/gas.json").read_text())["figures"]


def test_the_gas_reckoned_with_is_what_was_measured_and_a_little_more() -> None:
    assert MEASURED["claim"] < CLAIM_GAS < MEASURED["claim"] * 2
    settling = max(MEASURED["submitReceipt alone"], MEASURED["submitReceipts x1, each"])
    assert settling < SETTLE_GAS < settling * 1.1


def test_a_job_must_pay_its_gas_times_the_cover_rounded_up() -> None:
    assert least_pay(2, 100) == 2 * JOB_GAS
    assert least_pay(1, 120) == JOB_GAS * 12 // 10
    assert least_pay(3, 0) == 0
    assert least_pay(0, 100) == 0
    assert least_pay(1, 1) == JOB_GAS // 100
