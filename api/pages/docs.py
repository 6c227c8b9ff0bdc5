"""OpenAPI and its two readers: the routes' own types come in, a document and pages of local files go out."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from litestar import Request, Response, get
from litestar.datastructures import CacheControlHeader
from litestar.static_files import create_static_files_router

from api.explorer.dictionary import explain
from api.service.refusals import Unready

PACKAGE = "drf_spectacular_sidecar"  # a wheel of static files: Swagger UI and ReDoc as their makers build them
OWN_FILES = Path(__file__).parent / "static"
SWAGGER, REDOC = "swagger-ui-dist", "redoc/bundles"
POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; worker-src 'self' blob:;"
    " font-src 'self' data:; frame-ancestors 'none'"
)
PAGE_HEADERS = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff"}

SWAGGER_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Tallystick API</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"><link rel="stylesheet" href="/docs/files/swagger-ui-dist/swagger-ui.css"></head>
<body><div id="swagger"></div>
<script src="/docs/files/swagger-ui-dist/swagger-ui-bundle.js"></script>
<script src="/docs/own/swagger.js"></script></body></html>
"""
REDOC_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Tallystick API</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,"></head>
<body><div id="redoc"></div>
<script src="/docs/files/redoc/bundles/redoc.standalone.js"></script>
<script src="/docs/own/redoc.js"></script></body></html>
"""


class DocsNotInstalled(Unready):
    """The files of Swagger UI and ReDoc are not installed."""

    remedy = "Run `make setup`, or read /openapi.json."


def find_assets(named: str) -> Path | None:
    """The folder of the readers' files: the one named, else the installed package's."""
    if named:
        return Path(named) if (Path(named) / SWAGGER).is_dir() else None
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / "static" / PACKAGE


@get("/openapi.json", include_in_schema=False, sync_to_thread=False)
def openapi(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
    return Response(explain(request.app.openapi_schema.to_schema()), media_type="application/vnd.oai.openapi+json")


def create_routers(named: str) -> list[Any]:
    """/openapi.json, /docs, /redoc and their files."""
    assets = find_assets(named)

    @get("/docs", include_in_schema=False, sync_to_thread=False)
    def swagger() -> Response[str]:
        return _page(SWAGGER_PAGE, assets)

    @get("/redoc", include_in_schema=False, sync_to_thread=False)
    def redoc() -> Response[str]:
        return _page(REDOC_PAGE, assets)

    routers: list[Any] = [openapi, swagger, redoc]
    if assets is not None:
        day = CacheControlHeader(max_age=86_400, public=True)
        routers += [
            create_static_files_router(f"/docs/files/{name}", [assets / name], cache_control=day, name=name)
            for name in (SWAGGER, REDOC)
        ]
        routers.append(create_static_files_router("/docs/own", [OWN_FILES], name="docs-own"))
    return routers


def _page(text: str, assets: Path | None) -> Response[str]:
    if assets is None:
        raise DocsNotInstalled(f"neither the setting docs_assets nor the package {PACKAGE} has them")
    return Response(text, media_type="text/html", headers=PAGE_HEADERS)
