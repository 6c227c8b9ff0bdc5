"""Models as pages: what is registered, at which prices, and how much it is asked for."""

from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.params import PathParameter
from msgspec import Struct

from api.explorer.reading import Reader
from api.given import Given
from api.pages.listing import as_it_is, listed, tabs
from api.pages.site import Site
from indexer.explorer import JobFilter, Queries
from indexer.explorer.lists import MODELS_LIST
from indexer.explorer.rows import JobRow, ModelRow

ACTIVITY = {"": "All", "true": "Active", "false": "Retired"}
JOBS = 10

ModelPath = Annotated[str, PathParameter(max_length=128)]


class Use(Struct, frozen=True):
    """A model and the newest jobs for it."""

    model: ModelRow
    jobs: tuple[JobRow, ...]


@get("/models")
async def models(request: Request[Any, Any, Any], reader: Given[Reader], site: Given[Site]) -> Response[str]:
    listing = await listed(reader, request, MODELS_LIST)
    activity = tabs("/models", "is_active", ACTIVITY, listing.asked.get("is_active"), listing.asked)
    return site.page("models.html", here="/models", listing=listing, activity=activity)


@get("/models/{model_id:path}")
async def model(model_id: ModelPath, reader: Given[Reader], site: Given[Site]) -> Response[str]:
    """The framework begins what may hold slashes with one of its own."""
    named = model_id.removeprefix("/")

    def read(queries: Queries) -> Use | None:
        found = queries.model(named)
        if found is None:
            return None
        return Use(found, queries.jobs(JobFilter(model_id=named), None, JOBS).rows)

    use = (await reader.one(read, as_it_is, f"model {named!r}")).data
    return site.page("model.html", here="/models", model=use.model, jobs=use.jobs)
