"""An open job and what this worker can do go in; whether to take it, or why not, comes out. Nothing here acts."""

from msgspec import Struct

from domain.gas import least_pay
from receipts.document import Sampling
from receipts.request import Request

from .board import Job

TEMPERATURE = 0.0
TOP_P = 1.0
"""What is meant where a request does not say: the most likely answer, the same every time."""
LEASE_LEFT_S_MIN = 5


class Declined(Exception):
    """This worker does not take this job; the message says why."""


class Unprofitable(Declined):
    """It does not pay for its gas now; gas may become cheaper."""


class Terms(Struct, frozen=True, kw_only=True):
    """What this worker works for: who it is, which model it runs, what it costs to be paid."""

    worker: bytes
    model_cid: str
    verifier_version: int
    context_tokens: int
    gas_cover_percent: int
    prompt_bytes_max: int


def screen(job: Job, terms: Terms, gas_price: int, now: float) -> None:
    """What can be said before the prompt is read. Raises Declined, Unprofitable."""
    if job.model_cid != terms.model_cid:
        raise Declined(f"it wants model {job.model_id} ({job.model_cid}), this worker runs {terms.model_cid}")
    if job.verifier_version != terms.verifier_version:
        raise Declined(
            f"it is bound to verifier {job.verifier_version}, this worker proves for {terms.verifier_version}"
        )
    if job.deadline - now < LEASE_LEFT_S_MIN:
        raise Declined(f"{max(0, round(job.deadline - now))} s are left until its deadline")
    if job.escrow < (least := least_pay(gas_price, terms.gas_cover_percent)):
        raise Unprofitable(
            f"it pays {job.escrow} wei at most, {least} are the least at a gas price of {gas_price} wei; "
            f"gas_cover_percent is {terms.gas_cover_percent}"
        )


def screen_prompt(job: Job, terms: Terms, prompt_tokens: int) -> None:
    """What can be said once the prompt was counted. Raises Declined."""
    if prompt_tokens >= terms.context_tokens:
        raise Declined(f"its prompt has {prompt_tokens} tokens, the context holds {terms.context_tokens}")
    if completion_budget(job, terms.context_tokens, prompt_tokens, None) < 1:
        least = prompt_tokens * job.price_prompt_token + job.price_completion_token
        raise Declined(
            f"its escrow of {job.escrow} wei is less than {prompt_tokens} prompt tokens and an answer cost: {least}"
        )


def completion_budget(job: Job, context_tokens: int, prompt_tokens: int, wanted: int | None) -> int:
    """How many tokens may be generated: what is wanted, allowed, fits the context and is paid for."""
    limits = [job.max_tokens, context_tokens - prompt_tokens]
    if wanted is not None:
        limits.append(wanted)
    left = job.escrow - prompt_tokens * job.price_prompt_token
    if job.price_completion_token:
        limits.append(left // job.price_completion_token)
    elif left < 0:
        limits.append(0)
    return max(0, min(limits))


def sampling_for(request: Request, max_tokens: int) -> Sampling:
    """The request's settings with what it leaves open filled in."""
    return Sampling(
        temperature=TEMPERATURE if request.temperature is None else request.temperature,
        top_p=TOP_P if request.top_p is None else request.top_p,
        max_tokens=max_tokens,
        stop=request.stop or (),
        seed=request.seed,
    )
