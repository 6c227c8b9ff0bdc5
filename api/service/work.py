"""What a worker says while it works: a signed hello and numbered messages come in, acknowledgements and events go out.

Only the worker that the index names as a job's claimant may speak of it, so nobody can put words into another's answer.
Numbers rise for as long as a worker lives, through reconnections: what arrived before is not told twice.
"""

import secrets
from collections import OrderedDict
from typing import Annotated, Any, Literal

import msgspec
from eth_account import Account
from eth_account.messages import encode_defunct
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError as EthValidationError
from msgspec import Meta, Struct

from api.service.jobs import Jobs
from api.service.refusals import Crowded, Denied, Invalid
from api.service.stories import Stories, Story
from api.service.telemetry import NotANode, Reading, Telemetry
from api.settings import ApiSettings
from indexer.explorer.rows import JobRow
from receipts.canonical import Address

Number = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Stage = Literal["started", "answered", "proving", "proved", "submitted", "failed"]

DETAILS_MAX = 16
DETAIL_CHARACTERS_MAX = 1_000
WORKERS_REMEMBERED_MAX = 10_000
FRAME = frozenset({"n", "type", "job", "stage", "at"})


class WrongSigner(Denied):
    """The hello is not signed by the address it names."""

    remedy = "Sign the challenge (EIP-191, personal message) with the key of the worker's registered address."


class BadWorkMessage(Invalid):
    """A worker's message is malformed."""

    remedy = "Update the worker: it speaks another version of this protocol."


class TooManyWorkers(Crowded):
    """As many workers as this server allows are connected."""


class Challenge(Struct, frozen=True):
    """The first word of the server: a text to sign, good for this deployment and this connection alone."""

    challenge: str


class Hello(Struct, frozen=True, forbid_unknown_fields=True):
    """The worker's answer: who it is, and the EIP-191 signature of the challenge."""

    address: Address
    signature: Annotated[str, Meta(pattern="^0x[0-9a-fA-F]{130}$")]


class Progress(Struct, frozen=True, tag_field="type", tag="progress"):
    """A stage is reached; further fields are shown to readers: `ms` of a proof, `tx_hash`, `reason` of a failure."""

    n: Number
    job: Number
    stage: Stage
    at: Number = 0


class Tokens(Struct, frozen=True, tag_field="type", tag="tokens", forbid_unknown_fields=True):
    """The `seq`-th piece of an answer's text."""

    n: Number
    job: Number
    seq: Number
    text: str


class Sample(Reading, frozen=True, tag_field="type", tag="sample", kw_only=True):
    """How the worker's machine fares."""

    n: Number


class Ack(Struct, frozen=True, omit_defaults=True):
    """Everything up to `ack` has arrived; `refused` says why the last of it was not told to anybody."""

    ack: int
    refused: str | None = None


Message = Progress | Tokens | Sample

_decode = msgspec.json.Decoder(Message).decode
_decode_any = msgspec.json.Decoder(dict[str, Any]).decode
_decode_hello = msgspec.json.Decoder(Hello).decode


class WorkDesk:
    """All workers' lines. What it remembers of a worker outlives the connection, not the process."""

    def __init__(
        self, deployment_name: str, jobs: Jobs, stories: Stories, telemetry: Telemetry, settings: ApiSettings
    ) -> None:
        self._deployment_name = deployment_name
        self._jobs, self._stories, self._telemetry = jobs, stories, telemetry
        self._settings = settings
        self._heard: OrderedDict[str, int] = OrderedDict()
        self.connected = 0

    def challenge(self) -> Challenge:
        """Raises TooManyWorkers."""
        if self.connected >= self._settings.workers_max:
            raise TooManyWorkers(f"{self.connected} workers are connected, the most allowed")
        return Challenge(f"tallystick worker session\n{self._deployment_name}\nnonce {secrets.token_hex(16)}")

    def open(self, asked: Challenge, data: bytes | str) -> "Session":
        """Raises WrongSigner, BadWorkMessage."""
        try:
            hello = _decode_hello(data)
        except (msgspec.MsgspecError, UnicodeDecodeError) as fault:
            raise BadWorkMessage(f"the hello is malformed: {fault}") from None
        return Session(check_hello(asked, hello), self)

    async def take(self, address: str, data: bytes | str) -> Ack:
        """Raises BadWorkMessage."""
        message, details = read(data)
        if message.n <= self._heard.get(address, -1):
            return Ack(self._heard[address])
        refused = await self._tell(address, message, details)
        self._heard[address] = max(message.n, self._heard.get(address, -1))
        self._heard.move_to_end(address)
        if len(self._heard) > WORKERS_REMEMBERED_MAX:
            self._heard.popitem(last=False)
        return Ack(message.n, refused)

    async def _tell(self, address: str, message: Message, details: dict[str, Any]) -> str | None:
        """Why the message was not told to anybody; None where it was."""
        if isinstance(message, Sample):
            return await self._sample(address, message)
        story = await self._claimed(address, message.job)
        if story is None:
            return f"job {message.job} is not held by {address}"
        if isinstance(message, Progress):
            _tell_stage(story, message.stage, details)
        elif message.seq > story.token_seq:
            story.token_seq = message.seq
            story.tell("token", {"seq": message.seq, "text": message.text}, "worker")
        return None

    async def _sample(self, address: str, sample: Sample) -> str | None:
        try:
            await self._telemetry.sampled(address, sample)
        except NotANode as fault:
            return fault.detail
        return None

    async def _claimed(self, address: str, job_id: int) -> Story | None:
        """The job's story if this worker holds it by the index; a worker may know of its claim a little earlier."""
        if (held := self._stories.held(job_id)) is not None and held.claimant == address:
            return held
        job = await self._jobs.wait(job_id, _is_held, self._settings.claim_wait_s)
        if job is None or job.worker != address:
            return None
        return await self._jobs.story(job_id)


class Session(Struct, frozen=True):
    """One worker's connection, after it has said who it is."""

    address: str
    desk: WorkDesk

    async def take(self, data: bytes | str) -> Ack:
        """Raises BadWorkMessage."""
        return await self.desk.take(self.address, data)


def read(data: bytes | str) -> tuple[Message, dict[str, Any]]:
    """A message, and what a stage brings besides. Raises BadWorkMessage."""
    try:
        message = _decode(data)
        fields = _decode_any(data) if isinstance(message, Progress) else {}
    except (msgspec.MsgspecError, UnicodeDecodeError) as fault:
        raise BadWorkMessage(f"the message is malformed: {fault}") from None
    details = {name: value for name, value in fields.items() if name not in FRAME}
    for name, value in details.items():
        if not (value is None or isinstance(value, str | int | float | bool)):
            raise BadWorkMessage(f"{name[:64]!r} of a stage is neither text nor a number")
        if isinstance(value, str) and len(value) > DETAIL_CHARACTERS_MAX:
            raise BadWorkMessage(
                f"{name[:64]!r} of a stage has {len(value)} characters, at most {DETAIL_CHARACTERS_MAX}"
            )
    if len(details) > DETAILS_MAX:
        raise BadWorkMessage(f"a stage brings {len(details)} details, at most {DETAILS_MAX} are told")
    return message, details


def check_hello(asked: Challenge, hello: Hello) -> str:
    """The worker's address. Raises WrongSigner."""
    try:
        signer: str = Account.recover_message(encode_defunct(text=asked.challenge), signature=hello.signature).lower()
    except (ValueError, BadSignature, EthValidationError) as fault:
        raise WrongSigner(f"the signature of {hello.address} is malformed: {fault}") from None
    if signer != hello.address:
        raise WrongSigner(f"the challenge is signed by {signer}, the hello names {hello.address}")
    return signer


def _tell_stage(story: Story, stage: Stage, details: dict[str, Any]) -> None:
    """A worker's failure ends its attempt, not the job: another may answer, so readers are told to forget this one."""
    if stage == "failed":
        story.end_attempt(f"the worker failed: {details.get('reason', 'it gave no reason')}")
        return
    if stage == "started":
        story.end_attempt("the worker was restarted and answers anew")
    story.tell(stage, details, "worker")


def _is_held(job: JobRow | None) -> bool:
    return job is not None and job.worker is not None
