"""Events of one block go in, what every table must say after it comes out: the rules once more, the naive way.

Nothing here is shared with the folds: plain dictionaries, one event at a time, no batches, no final and unfinal part.
"""

from typing import Any

from domain.facts import ChainFact
from receipts.deployment import Deployment
from tests.simulation.blocks import GAS_PRICE, Sealed

Row = dict[str, Any]
ZERO = "0x" + "00" * 20
ACCOUNT = ("ordered", "open_escrow", "credit", "spent", "refunded", "earned", "withdrawn")
COUNTS = ("slashed", "claims", "completed", "settled", "leases_lost", "unproven", "earned")
TABLES = ("jobs", "receipts", "nodes", "models", "accounts", "blocks", "transactions", "events")


class Tables:
    """The tables after some block, by key; a row is never changed, only replaced."""

    def __init__(self, before: "Tables | None" = None) -> None:
        for name in TABLES:
            setattr(self, name, dict(getattr(before, name)) if before else {})

    jobs: dict[int, Row]
    receipts: dict[int, Row]
    nodes: dict[str, Row]
    models: dict[str, Row]
    accounts: dict[str, Row]
    blocks: dict[int, Row]
    transactions: dict[str, Row]
    events: dict[tuple[int, int], Row]

    def change(self, table: str, key: object, block: int, **values: Any) -> Row:
        rows = getattr(self, table)
        rows[key] = {**rows.get(key, {}), **values, "block": block}
        changed: Row = rows[key]
        return changed

    def count(self, table: str, key: str, block: int, **more: int) -> None:
        rows = getattr(self, table)
        before = rows.get(key) or {"address": key, **dict.fromkeys(ACCOUNT, 0)}
        rows[key] = {**before, **{name: before[name] + n for name, n in more.items()}, "block": block}


class Oracle:
    """Knows which logs are of the contracts, and what follows from each."""

    def __init__(self, deployment: Deployment, sees_silent: bool = True) -> None:
        """Without `sees_silent`, transactions that did not make us speak are not seen, nor what any sent along."""
        self._sees_silent = sees_silent
        self._ours = {deployment.address(name) for name in deployment.contracts}

    def after(self, before: Tables | None, sealed: Sealed) -> Tables:
        tables = Tables(before)
        log_index = events = touching = 0
        for index, outcome in enumerate(sealed.outcomes):
            ours = [log for log in outcome.logs if log.address in self._ours]
            if ours or (self._sees_silent and outcome.transaction.recipient in self._ours):
                touching += 1
                row = _transaction(sealed, index)
                tables.transactions[row["hash"]] = row if self._sees_silent else {**row, "value": None}
            for log in outcome.logs:
                if log.address in self._ours and log.fact is not None:
                    events += 1
                    tables.events[sealed.number, log_index] = _event(sealed, index, log_index, log.fact)
                    _happened(tables, sealed, text(outcome.transaction.hash), log.fact)
                log_index += 1
        tables.blocks[sealed.number] = _block(tables, sealed, touching, events)
        return tables


def text(data: bytes) -> str:
    return "0x" + data.hex()


def _block(tables: Tables, sealed: Sealed, transactions: int, events: int) -> Row:
    return {
        "number": sealed.number,
        "hash": text(sealed.hash),
        "parent": text(sealed.parent_hash),
        "timestamp": sealed.timestamp,
        "transactions": transactions,
        "events": events,
        "open_escrow": sum(row["open_escrow"] for row in tables.accounts.values()),
        "credit": sum(row["credit"] for row in tables.accounts.values()),
        "stakes": sum(row["stake"] for row in tables.nodes.values()),
    }


def _transaction(sealed: Sealed, index: int) -> Row:
    outcome = sealed.outcomes[index]
    return {
        "hash": text(outcome.transaction.hash),
        "block": sealed.number,
        "index": index,
        "sender": text(outcome.transaction.sender),
        "recipient": text(outcome.transaction.recipient),
        "value": outcome.transaction.value,
        "gas_used": outcome.gas_used,
        "fee": outcome.gas_used * GAS_PRICE,
        "succeeded": outcome.succeeded,
    }


def _event(sealed: Sealed, index: int, log_index: int, fact: ChainFact) -> Row:
    names = {"JobRequested": "InferenceRequested", "JobCompleted": "InferenceCompleted"}
    return {
        "block": sealed.number,
        "log_index": log_index,
        "tx_hash": text(sealed.outcomes[index].transaction.hash),
        "name": names.get(type(fact).__name__, type(fact).__name__),
        "job_id": getattr(fact, "job_id", None),
    }


def _happened(tables: Tables, sealed: Sealed, tx: str, fact: Any) -> None:
    """One event's consequences in every table."""
    at, n = sealed.timestamp, sealed.number
    match type(fact).__name__:
        case "ModelRegistered":
            known = {
                "model_id": fact.model_id,
                "model_cid": fact.model_cid,
                "name": fact.name,
                "version": 1,
                "is_active": True,
            }
            tables.change("models", fact.model_id, n, **known, jobs=0, settled=0, registered_at=at)
        case "ModelUpdated":
            tables.change("models", fact.model_id, n, model_cid=fact.model_cid, version=fact.version)
        case "ModelActivated":
            tables.change("models", fact.model_id, n, is_active=fact.is_active)
        case "ModelPriced":
            prices = (fact.price_prompt_token, fact.price_completion_token)
            tables.change("models", fact.model_id, n, price_prompt_token=prices[0], price_completion_token=prices[1])
        case "JobRequested":
            _requested(tables, n, at, tx, fact)
        case "JobTermsFixed":
            _terms(tables, n, fact)
        case "Withdrawn":
            tables.count("accounts", text(fact.account), n, credit=-fact.amount, withdrawn=fact.amount)
        case kind if hasattr(fact, "job_id"):
            _job_moved(tables, kind, n, at, tx, fact)
        case kind if hasattr(fact, "node"):
            _node_moved(tables, kind, n, at, fact)


def _requested(tables: Tables, n: int, at: int, tx: str, fact: Any) -> None:
    tables.jobs[fact.job_id] = {
        "job_id": fact.job_id,
        "state": "open",
        "controller": text(fact.controller),
        "model_id": fact.model_id,
        "model_cid": fact.model_cid,
        "prompt_cid": fact.prompt_cid,
        "claims": 0,
        "requested_at": at,
        "requested_tx": tx,
        "block": n,
        **dict.fromkeys(("worker", "response_cid", "amount", "refund", "lease_until", "closed_tx", "claimed_tx")),
    }
    tables.change("models", fact.model_id, n, jobs=tables.models[fact.model_id]["jobs"] + 1)


def _terms(tables: Tables, n: int, fact: Any) -> None:
    job = tables.change(
        "jobs", fact.job_id, n, refund_to=text(fact.refund_to), escrow=int(fact.escrow), deadline=fact.deadline
    )
    tables.count("accounts", job["controller"], n, ordered=fact.escrow, open_escrow=fact.escrow)


def _job_moved(tables: Tables, kind: str, n: int, at: int, tx: str, fact: Any) -> None:
    job = tables.jobs[fact.job_id]
    worker = text(getattr(fact, "worker", b""))
    match kind:
        case "JobClaimed":
            claimed = {
                "state": "claimed",
                "worker": worker,
                "claims": job["claims"] + 1,
                "lease_until": fact.lease_until,
            }
            tables.change("jobs", fact.job_id, n, **claimed, claimed_tx=tx)
            tables.count("nodes", worker, n, claims=1)
        case "LeaseExpired":
            tables.change("jobs", fact.job_id, n, state="open", worker=None, lease_until=None)
            tables.count("nodes", worker, n, leases_lost=1)
        case "JobCompleted":
            answered = {"response_cid": fact.response_cid, "worker": worker}
            tables.change("jobs", fact.job_id, n, state="answered", lease_until=None, **answered)
            pending = {
                "job_id": fact.job_id,
                "state": "pending",
                "controller": job["controller"],
                "amount": None,
                "tx_hash": None,
            }
            tables.change("receipts", fact.job_id, n, **answered, **pending, answered_at=at)
            tables.count("nodes", worker, n, completed=1)
        case "ReceiptDue":
            tables.change("jobs", fact.job_id, n)
        case "ReceiptAccepted":
            _accepted(tables, n, tx, job, worker, fact)
        case "JobCancelled" | "JobExpired":
            _returned(tables, kind, n, tx, job, worker, fact)


def _accepted(tables: Tables, n: int, tx: str, job: Row, worker: str, fact: Any) -> None:
    paid = {"amount": int(fact.amount), "refund": int(fact.refund)}
    tables.change("jobs", fact.job_id, n, state="settled", closed_tx=tx, lease_until=None, **paid)
    tables.change("receipts", fact.job_id, n, state="verified", tx_hash=tx, **paid)
    tables.count("nodes", worker, n, settled=1, earned=fact.amount)
    tables.change("models", fact.model_id, n, settled=tables.models[fact.model_id]["settled"] + 1)
    tables.count("accounts", job["controller"], n, open_escrow=-job["escrow"], spent=fact.amount)
    tables.count("accounts", worker, n, credit=fact.amount, earned=fact.amount)
    tables.count("accounts", job["refund_to"], n, credit=fact.refund, refunded=fact.refund)


def _returned(tables: Tables, kind: str, n: int, tx: str, job: Row, worker: str, fact: Any) -> None:
    state = {"JobCancelled": "cancelled", "JobExpired": "expired"}[kind]
    tables.change(
        "jobs", fact.job_id, n, state=state, closed_tx=tx, lease_until=None, amount=0, refund=int(fact.refund)
    )
    if kind == "JobExpired" and fact.job_id in tables.receipts:
        tables.change("receipts", fact.job_id, n, state="unproven")
        tables.count("nodes", worker, n, unproven=1)
    tables.count("accounts", job["controller"], n, open_escrow=-job["escrow"])
    tables.count("accounts", job["refund_to"], n, credit=fact.refund, refunded=fact.refund)


def _node_moved(tables: Tables, kind: str, n: int, at: int, fact: Any) -> None:
    key = text(fact.node)
    node = tables.nodes.get(key, dict.fromkeys(COUNTS, 0))
    match kind:
        case "NodeRegistered":
            record = {name: node[name] for name in COUNTS}
            known = {"address": key, "state": "active", "max_ram": fact.max_ram, "stake": int(fact.stake), "offers": {}}
            tables.change("nodes", key, n, **record, **known, registered_at=at)
        case "NodeUpdated":
            tables.change("nodes", key, n, max_ram=fact.max_ram)
        case "StakeAdded":
            tables.change("nodes", key, n, stake=int(fact.stake))
        case "OfferPosted":
            offers = {**node["offers"], fact.model_id: int(fact.price_prompt_token)}
            tables.change("nodes", key, n, offers=offers)
        case "OfferWithdrawn":
            offers = {model: price for model, price in node["offers"].items() if model != fact.model_id}
            tables.change("nodes", key, n, offers=offers)
        case "NodeDeregistered":
            tables.change("nodes", key, n, state="unbonding")
        case "StakeWithdrawn":
            tables.change("nodes", key, n, state="withdrawn", stake=node["stake"] - fact.amount, offers={})
        case "NodeSlashed":
            slashed = node["slashed"] + fact.amount
            tables.change("nodes", key, n, stake=node["stake"] - fact.amount, slashed=slashed)
