"""The workers' WebSocket and the receipts they publish: bytes come in, the service's words go out."""

import asyncio
import logging
from typing import Any

import msgspec
from litestar import Request, Response, Router, WebSocket, post, websocket
from litestar.exceptions import WebSocketDisconnect
from msgspec import Struct

from api.given import Given
from api.problems import documented
from api.service.receipts import ReceiptDesk
from api.service.refusals import Refusal
from api.service.work import BadWorkMessage, Session, WorkDesk
from api.settings import ApiSettings
from receipts.document import DOCUMENT_BYTES_MAX

REFUSED = 4400
REASON_BYTES_MAX = 120

_log = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode


class ReceiptPublishedOut(Struct, frozen=True):
    """Where the document is kept from now on."""

    job_id: str
    receipt_cid: str


class ErrorOut(Struct, frozen=True):
    """Why the line is closed."""

    error: str


@post(
    "/v1/receipts",
    operation_id="publishReceipt",
    summary="Publish a worker's signed receipt",
    description="The body is the canonical JSON of the receipt document, signed (EIP-191) by the job's worker. "
    "It is checked against the chain and kept under its CID. Publishing it again changes nothing.",
    tags=["workers"],
    responses=documented(
        s400="The document is malformed, or contradicts the chain",
        s403="It is not by the worker who holds the job",
        s404="There is no such job",
        s409="Another receipt of this job stands already",
        s413="The document is too large",
        s503="The ledger or the content store takes nothing now",
    ),
    request_max_body_size=DOCUMENT_BYTES_MAX,
)
async def publish_receipt(
    request: Request[Any, Any, Any], receipts: Given[ReceiptDesk]
) -> Response[ReceiptPublishedOut]:
    published = await receipts.publish(await request.body())
    headers = {"Idempotent-Replayed": "true"} if published.replayed else {}
    return Response(ReceiptPublishedOut(str(published.job_id), published.receipt_cid), headers=headers)


@websocket("/v1/work")
async def work(socket: WebSocket[Any, Any, Any], desk: Given[WorkDesk], settings: Given[ApiSettings]) -> None:
    await socket.accept()
    try:
        session = await _introduced(socket, desk, settings.worker_hello_s)
        await _listen(socket, desk, session, settings.worker_message_bytes_max)
    except Refusal as fault:
        await socket.send_text(_encode(ErrorOut(f"{fault.detail}. {fault.remedy}")))
        await socket.close(code=REFUSED, reason=fault.detail[:REASON_BYTES_MAX])
    except WebSocketDisconnect:
        _log.info("a worker hung up")


async def _introduced(socket: WebSocket[Any, Any, Any], desk: WorkDesk, hello_s: float) -> Session:
    challenge = desk.challenge()
    await socket.send_text(_encode(challenge))
    try:
        async with asyncio.timeout(hello_s):
            return desk.open(challenge, await socket.receive_text())
    except TimeoutError:
        raise WebSocketDisconnect(detail=f"no hello within {hello_s:g} s", code=REFUSED) from None


async def _listen(socket: WebSocket[Any, Any, Any], desk: WorkDesk, session: Session, bytes_max: int) -> None:
    desk.connected += 1
    try:
        while True:
            message = await socket.receive_text()
            if len(message) > bytes_max:
                raise BadWorkMessage(f"the message has {len(message)} characters, at most {bytes_max} are taken")
            await socket.send_text(_encode(await session.take(message)))
    finally:
        desk.connected -= 1


router = Router("/", route_handlers=[publish_receipt, work])
