"""What one fact does to one model: its entry in the registry, and how often it was asked and paid for."""

from domain.facts import JobRequested, ModelActivated, ModelPriced, ModelRegistered, ModelUpdated, ReceiptAccepted

from ..rows import ModelRow
from .moment import Moment

ModelFact = ModelUpdated | ModelActivated | ModelPriced | JobRequested | ReceiptAccepted


def begin_model(moment: Moment, fact: ModelRegistered) -> ModelRow:
    """Its prices follow in the next log."""
    return ModelRow(
        model_id=fact.model_id,
        model_cid=fact.model_cid,
        version=1,
        name=fact.name,
        description=fact.description,
        is_active=True,
        price_prompt_token=0,
        price_completion_token=0,
        max_tokens=0,
        jobs=0,
        settled=0,
        registered_at=moment.at,
        block=moment.block,
    )


def fold_model(model: ModelRow, moment: Moment, fact: ModelFact) -> None:
    """Changes `model`, which must be the caller's own copy, to what it is after `fact`."""
    model.block = moment.block
    match fact:
        case JobRequested():
            model.jobs += 1
        case ReceiptAccepted():
            model.settled += 1
        case ModelUpdated():
            model.model_cid, model.version = fact.model_cid, fact.version
        case ModelActivated():
            model.is_active = fact.is_active
        case ModelPriced():
            model.price_prompt_token = int(fact.price_prompt_token)
            model.price_completion_token = int(fact.price_completion_token)
            model.max_tokens = fact.max_tokens
