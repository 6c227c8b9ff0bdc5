import ape
import pytest
from ape.api import AccountAPI
from ape.contracts import ContractInstance
from eth_utils.crypto import keccak

from tests.contracts.terms import MAX_TOKENS, MODEL_CID, MODEL_ID, PRICE_COMPLETION, PRICE_PROMPT


def test_a_registered_model_is_active_at_the_default_terms(models: ContractInstance) -> None:
    model = models.getModel(MODEL_ID)
    assert (model.modelCID, model.name, model.description, model.isActive) == (
        MODEL_CID,
        "A model",
        "For tests",
        True,
    )
    terms = models.modelTerms(MODEL_ID)
    assert (terms.version, terms.maxTokens) == (1, MAX_TOKENS)
    assert (terms.pricePromptToken, terms.priceCompletionToken) == (PRICE_PROMPT, PRICE_COMPLETION)


def test_registering_tells_of_the_model_and_of_its_price(models: ContractInstance, owner: AccountAPI) -> None:
    receipt = models.registerModel("another", "QmAnother", "Another", "", sender=owner)
    registered, priced = receipt.events
    assert (registered.event_name, registered.modelKey) == ("ModelRegistered", keccak(text="another"))
    assert (priced.event_name, priced.priceCompletionToken) == ("ModelPriced", PRICE_COMPLETION)


def test_getting_an_unknown_model_reverts(models: ContractInstance) -> None:
    with ape.reverts("unknown model"):
        models.getModel("no-such-model")


def test_only_active_models_are_listed_as_active(models: ContractInstance, owner: AccountAPI) -> None:
    models.registerModel("another", "QmAnother", "Another", "", sender=owner)
    models.setActive(MODEL_ID, False, sender=owner)
    assert models.getAllModels() == [MODEL_ID, "another"]
    assert models.getActiveModels() == ["another"]


def test_an_update_keeps_what_older_versions_contained(models: ContractInstance, owner: AccountAPI) -> None:
    models.updateModel(MODEL_ID, "QmNewer", sender=owner)
    key = keccak(text=MODEL_ID)
    assert tuple(models.modelAt(key, 1)) == (MODEL_ID, MODEL_CID)
    assert tuple(models.modelAt(key, 2)) == (MODEL_ID, "QmNewer")
    with ape.reverts("unknown model"):
        models.modelAt(key, 3)


def test_a_model_is_found_by_what_it_contains_now(models: ContractInstance, owner: AccountAPI) -> None:
    models.updateModel(MODEL_ID, "QmNewer", sender=owner)
    assert models.modelIdOf("QmNewer") == MODEL_ID
    with ape.reverts("unknown model CID"):
        models.modelIdOf(MODEL_CID)


def test_two_models_never_share_a_content(models: ContractInstance, owner: AccountAPI) -> None:
    with ape.reverts("model CID in use"):
        models.registerModel("another", MODEL_CID, "", "", sender=owner)


def test_prices_and_limits_change_one_by_one(models: ContractInstance, owner: AccountAPI) -> None:
    models.setPrices(MODEL_ID, 7, 11, sender=owner)
    models.setMaxTokens(MODEL_ID, 13, sender=owner)
    terms = models.modelTerms(MODEL_ID)
    assert (terms.pricePromptToken, terms.priceCompletionToken, terms.maxTokens) == (7, 11, 13)


@pytest.mark.parametrize(("prompt", "completion"), [(2**96, 0), (0, 2**96)])
def test_a_price_that_the_statement_has_no_room_for_is_refused(
    models: ContractInstance, owner: AccountAPI, prompt: int, completion: int
) -> None:
    with ape.reverts("price too high"):
        models.setPrices(MODEL_ID, prompt, completion, sender=owner)


@pytest.mark.parametrize("tokens", [0, 2**32])
def test_a_limit_that_the_statement_has_no_room_for_is_refused(
    models: ContractInstance, owner: AccountAPI, tokens: int
) -> None:
    with ape.reverts("max tokens out of range"):
        models.setMaxTokens(MODEL_ID, tokens, sender=owner)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("registerModel", ("another", "QmAnother", "", "")),
        ("updateModel", (MODEL_ID, "QmNewer")),
        ("setActive", (MODEL_ID, False)),
        ("setPrices", (MODEL_ID, 1, 1)),
        ("setMaxTokens", (MODEL_ID, 1)),
        ("transferOwnership", ("0x" + "11" * 20,)),
    ],
)
def test_only_the_owner_changes_models(
    models: ContractInstance, stranger: AccountAPI, function: str, arguments: tuple[object, ...]
) -> None:
    with ape.reverts("not the owner"):
        getattr(models, function)(*arguments, sender=stranger)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((MODEL_ID, "QmAnother", "", ""), "model exists"),
        (("", "QmAnother", "", ""), "empty model id"),
        (("another", "", "", ""), "empty model CID"),
    ],
)
def test_a_model_needs_a_name_of_its_own_and_a_content(
    models: ContractInstance, owner: AccountAPI, arguments: tuple[str, ...], reason: str
) -> None:
    with ape.reverts(reason):
        models.registerModel(*arguments, sender=owner)


def test_ownership_moves_when_the_new_owner_accepts(
    models: ContractInstance, owner: AccountAPI, stranger: AccountAPI
) -> None:
    models.transferOwnership(stranger, sender=owner)
    assert models.owner() == owner
    models.acceptOwnership(sender=stranger)
    assert models.owner() == stranger
    with ape.reverts("not the owner"):
        models.setActive(MODEL_ID, False, sender=owner)


def test_nobody_accepts_an_ownership_that_was_not_proposed(models: ContractInstance, stranger: AccountAPI) -> None:
    with ape.reverts("not the pending owner"):
        models.acceptOwnership(sender=stranger)
