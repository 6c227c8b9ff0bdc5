"""How single values look on pages, and how a job's life and a chart are put together: pure rules."""

import pytest
from msgspec.structs import replace

from api.pages.charts import PERIODS, plots_of
from api.pages.checksum import checksummed
from api.pages.plots import bar_plot, line_plot, round_up
from api.pages.showing import age_of, amount, clipped, plain, rough, short, took
from api.pages.timeline import life_of
from indexer.explorer.periods import PeriodRow
from indexer.explorer.rows import JobRow, ReceiptRow

ORDERED = JobRow(
    job_id=1, state="open", controller="0x" + "11" * 20, refund_to="0x" + "11" * 20, model_id="m", model_cid="Qm1",
    prompt_cid="Qm2", escrow=10, max_tokens=16, price_prompt_token=1, price_completion_token=1, deadline=1_000,
    verifier_version=1, claims=0, requested_at=100, requested_tx="0x" + "aa" * 32, block=1,
)  # fmt: skip
CLAIMED = replace(ORDERED, state="claimed", worker="0x" + "22" * 20, claims=1, claimed_at=104, claimed_tx="0xcc")
SETTLED = replace(
    CLAIMED, state="settled", response_cid="Qm3", amount=7, refund=3, completed_at=112, completed_tx="0xdd",
    closed_at=112, closed_tx="0xdd",
)  # fmt: skip
RECEIPT = ReceiptRow(
    job_id=1, state="verified", worker="0x" + "22" * 20, controller="0x" + "11" * 20, model_id="m", model_cid="Qm1",
    prompt_cid="Qm2", response_cid="Qm3", verifier_version=1, answered_at=112, block=3, completion_tokens=50,
    prompt_tokens=3, started_at=104_500, completed_at=109_500,
)  # fmt: skip


@pytest.mark.parametrize(
    "address",
    [  # the examples of EIP-55
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
        "0x52908400098527886E0F7030069857D2E4169EE7",
        "0xde709f2102306220921060314715629080e2fb77",
    ],
)
def test_addresses_carry_their_checksum(address: str) -> None:
    assert checksummed(address.lower()) == address


def test_amounts_keep_the_exact_figure_beside_the_readable_one() -> None:
    assert 'value="1234567890123456789" title="1,234,567,890,123,456,789 wei">1.234568&nbsp;' in amount(
        1234567890123456789
    )
    assert ">12,000&nbsp;" in amount(12_000 * 10**9)
    assert ">0&nbsp;" in amount(0)
    assert amount(None) == "–"


def test_long_names_are_shortened_in_the_middle_and_text_is_not() -> None:
    assert short("0x" + "ab" * 32) == "0xababab…abab"
    assert clipped("a sentence of more than two dozen letters") == "a sentence of more than two dozen letters"
    assert plain("one\r\ntwo\u202e\x07") == "one\ntwo⟨202E⟩⟨0007⟩"


def test_ages_and_spans_are_said_in_one_unit() -> None:
    assert [age_of(s) for s in (0.2, 5, 119, 121, 7_300, 200_000)] == [
        "just now", "5 s ago", "119 s ago", "2 min ago", "2 h ago", "2 d ago",
    ]  # fmt: skip
    assert age_of(-30) == "in 30 s"
    assert [took(s) for s in (0, 0.25, 3, 61.5)] == ["0 s", "250 ms", "3 s", "61.5 s"]


def test_the_life_of_a_job_tells_what_is_ahead_until_it_is_over() -> None:
    assert [step.title for step in life_of(ORDERED, None)] == ["Ordered", "Waiting for a worker"]
    assert life_of(CLAIMED, None)[-1].kind == "ahead"
    steps = life_of(SETTLED, RECEIPT)
    assert [step.title for step in steps] == [
        "Ordered", "Claimed", "Inference began", "Inference ended", "Answered", "Receipt verified, paid",
    ]  # fmt: skip
    assert all(step.kind != "ahead" for step in steps)


def test_times_of_the_chain_are_never_compared_with_a_workers_clock() -> None:
    gaps = {step.title: step.gap_s for step in life_of(SETTLED, RECEIPT)}
    assert gaps == {
        "Ordered": None, "Claimed": 4, "Inference began": None, "Inference ended": 5.0, "Answered": 8,
        "Receipt verified, paid": 0,
    }  # fmt: skip


def test_a_job_that_ended_badly_says_how() -> None:
    cancelled = replace(ORDERED, state="cancelled", closed_at=130, closed_tx="0xee")
    unproven = replace(SETTLED, state="expired", closed_at=900, closed_tx="0xff")
    assert life_of(cancelled, None)[-1].title == "Cancelled"
    assert life_of(unproven, None)[-1].note.startswith("No proof came in time")


def test_charts_begin_at_nought_and_end_at_a_round_number() -> None:
    assert [round_up(value) for value in (0, 0.7, 1, 13, 99, 4_100)] == [1, 0.8, 1, 20, 100, 6_000]
    plot = bar_plot("Jobs", "", [("a", 0), ("b", 13), ("c", 20)])
    assert plot.bars[0].height == 0
    assert plot.bars[2].y == pytest.approx(plot.rows[-1].at)
    assert plot.bars[2].y + plot.bars[2].height == pytest.approx(plot.base)
    line = line_plot("CPU", "%", [(0, 50), (60, 100)], top=100)
    assert line.line.startswith(f"M{line.left:.1f} ")
    assert line_plot("nothing", "", []).line == ""


def test_figures_beside_charts_are_rounded_to_what_matters() -> None:
    assert [rough(value) for value in (0, 7, 3.14159, 12_345, 2_500_000)] == ["0", "7", "3.14", "12.3k", "2.5M"]


def test_periods_without_any_doing_keep_their_place_in_a_chart() -> None:
    hour = PeriodRow(start=7_200, requested=3, answered=0, settled=0, returned=0, earned=5 * 10**9, prompt_tokens=0,
                     completion_tokens=0, inference_s_median=None, gas_used_median=None)  # fmt: skip
    later = replace(hour, start=7_200 + 3 * 3_600, requested=1)
    ordered, paid = (plots_of([later, hour], "hour")[i] for i in (0, 2))
    assert ordered.values == (("02:00", 3), ("03:00", 0), ("04:00", 0), ("05:00", 1))
    assert paid.values[0] == ("02:00", 5)
    long_ago = replace(hour, start=7_200 - 1_000 * 3_600)
    assert len(plots_of([hour, long_ago], "hour")[0].values) == PERIODS["hour"]
    days = plots_of([replace(hour, start=0), replace(hour, start=86_400, inference_s_median=2.0)], "day")
    assert [name for name, _ in days[0].values] == ["01 Jan", "02 Jan"]
    assert days[4].values[-1] == ("02 Jan", 2.0)
    assert days[5].values == (), "what was never measured has no figure"
    assert plots_of([], "day") == []
