"""What transactions offer, and by how much an offer is raised."""

from hypothesis import given
from hypothesis import strategies as st

from chain.fees import Fees, quote, raised

fees = st.integers(0, 10**15)
offers = st.builds(lambda tip, rest: Fees(tip + rest, tip), fees, fees)


@given(fees, fees)
def test_an_offer_survives_several_full_blocks_and_pays_the_tip_throughout(base_fee: int, tip: int) -> None:
    offer = quote(base_fee, tip)
    assert offer.max_fee >= base_fee * 9 // 8 * 9 // 8 * 9 // 8 + tip
    assert offer.priority_fee == tip


@given(offers, offers)
def test_a_raised_offer_is_one_that_every_node_takes_for_a_replacement(old: Fees, market: Fees) -> None:
    new = raised(old, market)
    assert new.max_fee * 1000 > old.max_fee * 1125
    assert new.priority_fee * 1000 > old.priority_fee * 1125
    assert new.max_fee >= new.priority_fee


@given(offers, offers)
def test_a_raised_offer_is_at_least_what_the_market_asks(old: Fees, market: Fees) -> None:
    new = raised(old, market)
    assert new.max_fee >= market.max_fee
    assert new.priority_fee >= market.priority_fee
