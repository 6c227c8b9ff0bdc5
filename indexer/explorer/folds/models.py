"""What one fact does to one model: its entry in the registry, and how often it was asked and paid for."""

from msgspec.structs import replace

from domain.facts import JobRequested, ModelActivated, ModelPriced, ModelRegistered, ModelUpdated, ReceiptAccepted

from ..rows import ModelRow
from .moment import Moment, Unfoldable

ModelFact = ModelRegistered | ModelUpdated | ModelActivated | ModelPriced | JobRequested | ReceiptAccepted


def fold_model(model: ModelRow | None, moment: Moment, fact: ModelFact) -> ModelRow:
    """The model after `fact`."""
    if isinstance(fact, ModelRegistered):
        return _registered(model, moment, fact)
    if model is None:
        raise Unfoldable(f"model {fact.model_id!r} was never registered")
    match fact:
        case ModelUpdated():
            return replace(model, model_cid=fact.model_cid, version=fact.version, block=moment.block)
        case ModelActivated():
            return replace(model, is_active=fact.is_active, block=moment.block)
        case ModelPriced():
            return replace(
                model,
                price_prompt_token=int(fact.price_prompt_token),
                price_completion_token=int(fact.price_completion_token),
                max_tokens=fact.max_tokens,
                block=moment.block,
            )
        case JobRequested():
            return replace(model, jobs=model.jobs + 1, block=moment.block)
        case ReceiptAccepted():
            return replace(model, settled=model.settled + 1, block=moment.block)


def _registered(model: ModelRow | None, moment: Moment, fact: ModelRegistered) -> ModelRow:
    if model is not None:
        raise Unfoldable(f"model {fact.model_id!r} was registered before")
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
