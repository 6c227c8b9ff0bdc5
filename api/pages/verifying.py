"""The page of those who hold evidence: nothing comes in, a form that checks files in the browser goes out."""

from litestar import Response, get

from api.given import Given
from api.pages.site import Site


@get("/verify")
async def verify(site: Given[Site]) -> Response[str]:
    return site.page("verify.html", here="/verify")
