"""What an order would cost: a model's terms, token counts and gas come in, the wei to put in escrow come out."""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from api.service.gas import GasFloor
from api.service.refusals import Invalid
from api.service.suggesting import did_you_mean
from domain.gas import JOB_GAS
from indexer.explorer.rows import ModelRow, NodeRow


class UnknownModel(Invalid):
    """No model has that name."""


class InactiveModel(Invalid):
    """The model takes no orders."""


class TokensOutOfRange(Invalid):
    """The model allows another number of tokens."""


class ValueTooSmall(Invalid):
    """The order may cost more than it offers."""


class Unprofitable(Invalid):
    """The order cannot pay for the gas that it costs a worker."""


class NoOffer(Invalid):
    """That node does not offer the model."""


class Quote(Struct, frozen=True):
    """The most an order may cost, in wei: what is not used comes back. Below the floor of gas nobody would take it."""

    model: ModelRow
    prompt_tokens: int
    max_tokens: int
    amount: int
    gas: GasFloor

    @property
    def pays_for_gas(self) -> bool:
        return self.amount >= self.gas.wei


def choose(models: Sequence[ModelRow], named: str | None, default: str) -> ModelRow:
    """The model asked for; without a name the default, or the only one there is. Raises UnknownModel, InactiveModel."""
    active = [model for model in models if model.is_active]
    wanted = named or default or (active[0].model_id if len(active) == 1 else "")
    names = [model.model_id for model in active]
    listed = f"There are: {', '.join(names)}." if names else "No model is registered yet: `tallystick model add`."
    if not wanted:
        raise UnknownModel("no model is named, and this server has no default", f"Name one in `model`. {listed}")
    model = next((model for model in models if model.model_id == wanted), None)
    if model is None:
        raise UnknownModel(f"there is no model {wanted!r}", did_you_mean(wanted, names, listed))
    if not model.is_active:
        raise InactiveModel(f"model {wanted!r} is registered but switched off by its owner", listed)
    return model


def at_offer(model: ModelRow, worker: str, node: NodeRow | None) -> ModelRow:
    """The model at the prices that `worker` offers it at. Raises NoOffer."""
    offers = node.offers if node is not None and node.state == "active" else ()
    offer = next((each for each in offers if each.model_id == model.model_id), None)
    if offer is None:
        names = ", ".join(each.model_id for each in offers) or "nothing"
        raise NoOffer(
            f"node {worker} does not offer {model.model_id!r}, it offers {names}",
            "Leave worker out, so that any node may answer, or name one whose offers /explorer/v1/nodes shows.",
        )
    return replace(
        model, price_prompt_token=offer.price_prompt_token, price_completion_token=offer.price_completion_token
    )


def quote(model: ModelRow, prompt_tokens: int, max_tokens: int, gas: GasFloor) -> Quote:
    """Raises TokensOutOfRange."""
    if not 1 <= max_tokens <= model.max_tokens:
        raise TokensOutOfRange(
            f"max_tokens is {max_tokens}; {model.model_id!r} allows 1 to {model.max_tokens}",
            f"Set max_tokens to at most {model.max_tokens}.",
        )
    if prompt_tokens < 0:
        raise TokensOutOfRange(f"prompt_tokens is {prompt_tokens}", "Count from 0.")
    return Quote(model, prompt_tokens, max_tokens, _cost(model, prompt_tokens, max_tokens), gas)


def check_value(quoted: Quote, value: int) -> None:
    """Refuses a value that may not cover the order or its gas, with what would. Raises Unprofitable, ValueTooSmall."""
    if not quoted.pays_for_gas:
        gas = quoted.gas
        raise Unprofitable(
            f"the order may cost {quoted.amount} wei at most, a worker's transactions for it {gas.wei} ({JOB_GAS} gas "
            f"at {gas.price} wei, times {gas.cover_percent} %): no worker would take it",
            how_to_pay_for_gas(quoted),
        )
    if value >= quoted.amount:
        return
    left = value - quoted.prompt_tokens * quoted.model.price_prompt_token
    affordable = left // quoted.model.price_completion_token if quoted.model.price_completion_token else 0
    lower = f"Lower max_tokens to {affordable}, or raise" if affordable >= 1 else "Raise"
    raise ValueTooSmall(
        f"the value is {value} wei, the order may cost {quoted.amount} ({quoted.prompt_tokens} prompt tokens"
        f" and {quoted.max_tokens} completion tokens)",
        f"{lower} value to {quoted.amount}.",
    )


def how_to_pay_for_gas(quoted: Quote) -> str:
    """The least that such an order must offer for a worker to take it; nothing to say if this one does."""
    if quoted.pays_for_gas:
        return ""
    model, price = quoted.model, quoted.model.price_completion_token
    missing = quoted.gas.wei - quoted.amount
    enough = quoted.max_tokens + -(-missing // price) if price else model.max_tokens + 1
    if enough > model.max_tokens:
        most = _cost(model, quoted.prompt_tokens, model.max_tokens)
        return (
            f"Wait until gas is cheaper, or ask another model: {quoted.gas.wei} wei are the least, even the "
            f"{model.max_tokens} tokens that {model.model_id!r} allows cost {most}."
        )
    value = _cost(model, quoted.prompt_tokens, enough)
    return f"Raise max_tokens to {enough}, and value to {value} where one is named; what is not used comes back."


def _cost(model: ModelRow, prompt_tokens: int, max_tokens: int) -> int:
    return prompt_tokens * model.price_prompt_token + max_tokens * model.price_completion_token
