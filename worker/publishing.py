"""Receipts that were proved go in; the API has their signed documents, also those that a restart left behind."""

import contextlib
import logging

from receipts.content.access import ContentError

from .documents import Receipts
from .journal import Abandoned, DocumentPublished, Journal, Work
from .uplink import DocumentRefused, Uplink, UplinkDown

RETRY_S = 1.0

log = logging.getLogger(__name__)


async def publish(journal: Journal, receipts: Receipts, uplink: Uplink) -> None:
    """Until cancelled; without an API there is nobody to publish to."""
    while uplink.is_configured:
        for work in journal.unpublished():
            with contextlib.suppress(UplinkDown, ContentError):
                await _publish(work, journal, receipts, uplink)
        await journal.wait_unpublished(RETRY_S)


async def _publish(work: Work, journal: Journal, receipts: Receipts, uplink: Uplink) -> None:
    refusal = ""
    if isinstance(work.end, Abandoned):
        refusal = work.end.reason
    elif work.receipt is not None:
        try:
            await uplink.post_document(await receipts.document(work.receipt))
        except DocumentRefused as fault:
            refusal = str(fault)
            log.warning("the receipt document of job %d is not published: %s", work.job_id, fault)
    await journal.record({work.job_id: DocumentPublished(refusal)})
