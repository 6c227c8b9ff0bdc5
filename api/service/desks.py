"""The service as one value: every desk that a dialect may turn to, built once from ready-made parts."""

from msgspec import Struct

from api.service.evidence import EvidenceDesk
from api.service.gas import GasDesk
from api.service.jobs import Jobs
from api.service.orders import OrderDesk
from api.service.ports import ChainReader, Orders
from api.service.receipts import ReceiptDesk
from api.service.stories import Stories
from api.service.telemetry import Telemetry
from api.service.work import WorkDesk
from api.settings import ApiSettings
from domain.ledger import Ledger
from indexer.explorer.explorer import Explorer
from receipts.content.access import Content
from receipts.deployment import Deployment


class Desks(Struct, frozen=True):
    """What every dialect shares."""

    jobs: Jobs
    stories: Stories
    orders: OrderDesk
    work: WorkDesk
    receipts: ReceiptDesk
    evidence: EvidenceDesk


def build_desks(
    explorer: Explorer,
    ledger: Ledger,
    content: Content,
    orders: Orders,
    chain: ChainReader,
    deployment: Deployment,
    settings: ApiSettings,
) -> Desks:
    stories = Stories(settings.stories_max, settings.story_events_max, settings.streams_max)
    jobs = Jobs(explorer, content, stories)
    gas = GasDesk(chain, settings.gas_cover_percent, settings.gas_price_fresh_s)
    name = f"chain {deployment.chain_id}\ncoordinator {deployment.contracts['InferenceCoordinator'].address}"
    return Desks(
        jobs=jobs,
        stories=stories,
        orders=OrderDesk(ledger, explorer, jobs, content, orders, gas, settings),
        work=WorkDesk(name, jobs, stories, Telemetry(ledger, explorer), settings),
        receipts=ReceiptDesk(ledger, explorer, jobs, content, deployment, settings.claim_wait_s),
        evidence=EvidenceDesk(jobs, content, chain),
    )
