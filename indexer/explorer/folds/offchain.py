"""Facts that no block holds, as rows: published receipts, telemetry, reorgs seen and ranges checked."""

from domain.facts import BlocksChecked, ChainReorganised, ParkedDropped, ReceiptPublished, TelemetrySampled

from ..rows import DocumentRow, DroppedRow, GpuRow, IntegrityRow, ReorgRow, Row, SampleRow
from .moment import hexed, worded

OffchainFact = ReceiptPublished | TelemetrySampled | ChainReorganised | BlocksChecked | ParkedDropped


def row_of(fact: OffchainFact, version: int) -> Row:
    """The row of a fact that is the `version`-th of its stream. A later document of a job replaces the one before."""
    match fact:
        case ReceiptPublished():
            return _document(fact)
        case TelemetrySampled():
            return _sample(fact)
        case ChainReorganised():
            dropped = tuple(hexed(hash_) for hash_ in fact.dropped)
            return ReorgRow(version, fact.seen_at, fact.from_number, len(dropped), dropped, fact.rows)
        case BlocksChecked():
            return _integrity(fact)
        case ParkedDropped():
            return DroppedRow(fact.block, fact.log_index, fact.reason, fact.dropped_at)


def _document(fact: ReceiptPublished) -> DocumentRow:
    return DocumentRow(
        job_id=fact.job_id,
        worker=hexed(fact.worker),
        response_cid=fact.response_cid,
        receipt_cid=fact.receipt_cid,
        commitment=worded(fact.commitment),
        prompt_tokens=fact.prompt_tokens,
        completion_tokens=fact.completion_tokens,
        started_at=fact.started_at,
        completed_at=fact.completed_at,
    )


def _sample(fact: TelemetrySampled) -> SampleRow:
    gpus = tuple(
        GpuRow(
            name=gpu.name,
            uuid=gpu.uuid,
            utilisation_percent=gpu.utilisation_percent,
            memory_used=gpu.memory_used,
            memory_total=gpu.memory_total,
            temperature_c=gpu.temperature_c,
            power_w=gpu.power_w,
        )
        for gpu in fact.gpus
    )
    return SampleRow(hexed(fact.node), fact.at, fact.cpu_percent, fact.memory_used, fact.memory_total, gpus)


def _integrity(fact: BlocksChecked) -> IntegrityRow:
    return IntegrityRow(
        first=fact.first,
        last=fact.last,
        parent_hash=hexed(fact.parent_hash),
        last_hash=hexed(fact.last_hash),
        level=fact.level,
        checks=fact.checks,
        provider=fact.provider,
        checked_at=fact.checked_at,
        doubts=fact.doubts,
    )
