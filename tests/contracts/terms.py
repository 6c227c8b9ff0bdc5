"""The terms of the network under test: numbers small enough to reckon with by head."""

MODEL_ID = "small-model"
MODEL_CID = "QmSmallModel"
PROMPT_CID = "QmPromptHash123"
RESPONSE_CID = "QmResponseHash456"

LEASE_S = 100
RECEIPT_WINDOW_S = 200
LIFETIME_S = 1000
UNBONDING_S = 500
STAKE = 1000
PRICE_PROMPT = 2
PRICE_COMPLETION = 5
MAX_TOKENS = 100

TERMS = {
    "lease_s": LEASE_S,
    "receipt_window_s": RECEIPT_WINDOW_S,
    "order_lifetime_s": LIFETIME_S,
    "unbonding_s": UNBONDING_S,
    "min_stake": STAKE,
    "price_prompt_token": PRICE_PROMPT,
    "price_completion_token": PRICE_COMPLETION,
    "max_tokens": MAX_TOKENS,
}

NOBODY = "0x0000000000000000000000000000000000000000"
OPEN, CLAIMED, ANSWERED, SETTLED, CANCELLED, EXPIRED = range(1, 7)
