"""Calls of our contracts by name go in; call data for transactions and typed answers of views come out."""

from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from chain.abi import Function, functions
from chain.blocks import At
from chain.errors import ChainError, Garbled, NoContract, UnfitAbi
from chain.node import Call, Node
from chain.wire import hex_of, octets, quantity
from receipts.deployment import Deployment

T = TypeVar("T")


class Job(Struct, frozen=True, kw_only=True):
    """A job as the coordinator has it. `status` is 1 open, 2 claimed, 3 answered, 4 settled, 5 cancelled, 6 expired."""

    controller: bytes
    refund_to: bytes
    status: int
    model_id: str
    model_cid: str
    prompt_cid: str
    response_digest: bytes
    worker: bytes
    lease_until: int
    receipt_deadline: int
    reserved_for: bytes
    reserved_until: int
    deadline: int
    escrow: int
    max_tokens: int
    price_prompt_token: int
    price_completion_token: int
    verifier_version: int


class ModelTerms(Struct, frozen=True, kw_only=True):
    model_cid: str
    version: int
    price_prompt_token: int
    price_completion_token: int
    max_tokens: int
    is_active: bool


class ModelInfo(Struct, frozen=True, kw_only=True):
    model_cid: str
    name: str
    description: str
    timestamp: int
    is_active: bool


class NodeProfile(Struct, frozen=True, kw_only=True):
    max_ram: int
    max_vram: int
    max_cpu_percent: int
    stake: int
    withdrawable_at: int
    registered_at: int


class Offer(Struct, frozen=True):
    price_prompt_token: int
    price_completion_token: int


class Books(Struct, frozen=True):
    """The coordinator's own figures, and the balance that has to cover them."""

    open_escrow: int
    total_credit: int
    balance: int


class View(Struct, frozen=True):
    """A question to a contract, ready to be asked."""

    contract: str
    address: bytes
    function: Function
    data: bytes


class Contract:
    def __init__(self, name: str, address: bytes, abi: list[dict[str, Any]]) -> None:
        self.name = name
        self.address = address
        self._functions = functions(abi)

    def data(self, function: str, *arguments: Any) -> bytes:
        """The call data of a transaction."""
        return self._function(function).call_data(*arguments)

    def view(self, function: str, *arguments: Any) -> View:
        return View(self.name, self.address, self._function(function), self.data(function, *arguments))

    def _function(self, name: str) -> Function:
        if name not in self._functions:
            raise UnfitAbi(
                f"the deployment's {self.name} has no function {name}: deploy the contracts of this version, or run "
                "the version that deployed them"
            )
        return self._functions[name]


class Contracts:
    """Our contracts on one chain. `at` is the block whose state is asked for: number, hash, or a tag."""

    def __init__(self, node: Node, deployment: Deployment) -> None:
        self._node = node
        named = {name: Contract(name, deployment.address(name), it.abi) for name, it in deployment.contracts.items()}
        self.coordinator = named["InferenceCoordinator"]
        self.models = named["ModelRegistry"]
        self.nodes = named["NodeProfileRegistry"]
        self.verifier = named["ReceiptVerifier"]

    async def read(self, *views: View, at: At = "latest") -> list[Any]:
        """The answers in one round trip; raises Reverted for the first that was refused."""
        answers = await self._node.batch([_call(view, at) for view in views])
        return [_answer(view, answer) for view, answer in zip(views, answers, strict=True)]

    async def read_each(self, *views: View, at: At = "latest") -> list[Any]:
        """Like `read`, with the error in the place of each answer that was refused."""
        answers = await self._node.answers([_call(view, at) for view in views])
        pairs = zip(views, answers, strict=True)
        return [answer if isinstance(answer, ChainError) else _answer(view, answer) for view, answer in pairs]

    async def job(self, job_id: int, at: At = "latest") -> Job:
        (found,) = await self.read(self.coordinator.view("jobOf", job_id), at=at)
        return _struct(found, Job)

    async def jobs(self, *job_ids: int, at: At = "latest") -> list[Job]:
        found = await self.read(*[self.coordinator.view("jobOf", each) for each in job_ids], at=at)
        return [_struct(each, Job) for each in found]

    async def job_count(self, at: At = "latest") -> int:
        return int((await self.read(self.coordinator.view("jobCount"), at=at))[0])

    async def credit_of(self, account: bytes, at: At = "latest") -> int:
        return int((await self.read(self.coordinator.view("creditOf", account), at=at))[0])

    async def model_terms(self, model_id: str, at: At = "latest") -> ModelTerms:
        (found,) = await self.read(self.models.view("modelTerms", model_id), at=at)
        return _struct(found, ModelTerms)

    async def model(self, model_id: str, at: At = "latest") -> ModelInfo:
        (found,) = await self.read(self.models.view("getModel", model_id), at=at)
        return _struct(found, ModelInfo)

    async def active_models(self, at: At = "latest") -> list[str]:
        return list((await self.read(self.models.view("getActiveModels"), at=at))[0])

    async def node_profile(self, node: bytes, at: At = "latest") -> NodeProfile:
        (found,) = await self.read(self.nodes.view("nodeOf", node), at=at)
        return _struct(found, NodeProfile)

    async def may_claim(self, node: bytes, at: At = "latest") -> bool:
        return bool((await self.read(self.nodes.view("mayClaim", node), at=at))[0])

    async def min_stake(self, at: At = "latest") -> int:
        return int((await self.read(self.nodes.view("minStake"), at=at))[0])

    async def offer(self, node: bytes, model_id: str, at: At = "latest") -> Offer | None:
        ((prompt, completion, exists),) = await self.read(self.nodes.view("offerOf", node, model_id), at=at)
        return Offer(prompt, completion) if exists else None

    async def books(self, at: At = "latest") -> Books:
        """Escrow, credit and balance of one block, in one round trip."""
        asked = [self.coordinator.view("openEscrow"), self.coordinator.view("totalCredit")]
        balance = Call("eth_getBalance", [hex_of(self.coordinator.address), _block(at)], str)
        *figures, text = await self._node.batch([*[_call(view, at) for view in asked], balance])
        escrow, credit = [_answer(view, figure) for view, figure in zip(asked, figures, strict=True)]
        return Books(escrow, credit, quantity(text, 256))


def _call(view: View, at: At) -> Call:
    message = {"to": hex_of(view.address), "data": hex_of(view.data)}
    return Call("eth_call", [message, _block(at)], str)


def _block(at: At) -> object:
    if isinstance(at, bytes):
        return {"blockHash": hex_of(at)}
    return hex(at) if isinstance(at, int) else at


def _answer(view: View, text: str) -> Any:
    data = octets(text)
    if not data:
        raise NoContract(
            f"no {view.contract} answers at {hex_of(view.address)}: the deployment.json is of another chain, or the "
            "block asked for is older than the deployment"
        )
    return view.function.result(data)


def _struct(found: dict[str, Any], kind: type[T]) -> T:
    try:
        return msgspec.convert(found, kind)
    except msgspec.ValidationError as fault:
        raise Garbled(f"{kind.__name__}: {fault}") from None
