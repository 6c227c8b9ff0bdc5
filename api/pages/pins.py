"""The deployment that this network runs on comes in, `deployment.json` goes out: what receipts are checked against.

Whoever wants a judgement that does not rest on this server takes the file from those who deployed the contracts.
"""

from litestar import get

from api.given import Given
from receipts.deployment import Deployment


@get(
    "/deployment.json",
    operation_id="getDeployment",
    summary="Chain, contracts and circuit: the pins that receipts are checked against",
    description="For `tallystick verify --deployment`, and for the check in the browser.",
    tags=["operation"],
    sync_to_thread=False,
)
def pins(deployment: Given[Deployment]) -> Deployment:
    return deployment
