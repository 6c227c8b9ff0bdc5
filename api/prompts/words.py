"""Our job to the JSON of /v1/prompts, their JSON to our question: pure, no HTTP."""

from msgspec import UNSET

from api.prompts.shapes import GasOut, Links, OrderOut, PromptIn, PromptOut, QuoteOut, ReceiptOut
from api.rendering import render
from api.service.orders import Question
from api.service.quoting import Quote, how_to_pay_for_gas
from domain.gas import JOB_GAS
from indexer.explorer.rows import JobRow, ReceiptRow
from receipts.request import SCHEMA, Message, Request


def question_in(body: PromptIn) -> Question:
    messages = None
    if body.messages is not None:
        messages = tuple(Message(role=message.role, content=message.content) for message in body.messages)
    request = Request(
        schema=SCHEMA,
        prompt=body.prompt,
        messages=messages,
        max_tokens=body.max_tokens,
        temperature=body.temperature,
        top_p=body.top_p,
        stop=body.stop,
        seed=body.seed,
    )
    return Question(
        request=request,
        model=body.model,
        value=None if body.value is None else int(body.value),
        worker=UNSET if body.worker is None else body.worker.lower(),
    )


def order_out(job: JobRow) -> OrderOut:
    return render(job, OrderOut, job_id=str(job.job_id), model=job.model_id, links=_links(job))


def prompt_out(job: JobRow, receipt: ReceiptRow | None, answer: str | None) -> PromptOut:
    return render(
        job,
        PromptOut,
        job_id=str(job.job_id),
        model=job.model_id,
        links=_links(job),
        answer=answer,
        receipt=None if receipt is None else render(receipt, ReceiptOut),
    )


def quote_out(quoted: Quote) -> QuoteOut:
    return render(
        quoted.model,
        QuoteOut,
        model=quoted.model.model_id,
        prompt_tokens=quoted.prompt_tokens,
        max_tokens=quoted.max_tokens,
        amount=str(quoted.amount),
        gas=GasOut(JOB_GAS, str(quoted.gas.price), quoted.gas.cover_percent, str(quoted.gas.wei)),
        pays_for_gas=quoted.pays_for_gas,
        advice=how_to_pay_for_gas(quoted),
    )


def _links(job: JobRow) -> Links:
    own = f"/v1/prompts/{job.job_id}"
    return Links(own, f"{own}/events", f"{own}/evidence")
