"""/ipfs/{cid} and Kubo's RPC: bytes that hash to their name, in the words that IPFS clients know."""

import hashlib
import re
from collections.abc import Iterator

import httpx
import pytest

from api.content.kubo import create_kubo_app
from receipts.content.kubo import KuboContent
from receipts.content.unixfs import cid_of
from tests.api.conftest import House, Standing, serving

HELLO = "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o"  # `echo "hello world" | ipfs add`
TEXT = b"hello world\n"
ABSENT = str(cid_of(b"nobody has this"))
RANGED = b"ranged text\n"
BIG = bytes(range(256)) * 4096


@pytest.fixture(scope="module")
def rpc(standing: Standing) -> Iterator[httpx.Client]:
    app = create_kubo_app(standing.house.content, "QmNode", upload_bytes_max=4 << 20, origins=["https://ok.example"])
    with serving(app) as url, httpx.Client(base_url=url, timeout=10) as client:
        yield client


def test_the_gateway_serves_a_file_for_ever(standing: Standing) -> None:
    standing.house.content.write(TEXT)
    got = standing.http.get(f"/ipfs/{HELLO}")
    assert got.content == TEXT, got.text
    assert got.headers["etag"] == f'"{HELLO}"'
    assert "immutable" in got.headers["cache-control"]
    again = standing.http.get(f"/ipfs/{HELLO}", headers={"If-None-Match": got.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("version", [0, 1])
def test_the_raw_block_hashes_to_its_name(standing: Standing, version: int) -> None:
    cid = standing.house.content.write(BIG, version)
    raw = standing.http.get(f"/ipfs/{cid}", params={"format": "raw"})
    assert raw.headers["content-type"] == "application/vnd.ipld.raw"
    assert raw.content == standing.house.content.read_block(cid)
    accepted = standing.http.get(f"/ipfs/{cid}", headers={"Accept": "application/vnd.ipld.raw"})
    assert accepted.content == raw.content
    assert str(cid_of(BIG, version)) == cid


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=0-4", 206, RANGED[:5]),
        ("bytes=6-", 206, RANGED[6:]),
        ("bytes=-3", 206, RANGED[-3:]),
        ("bytes=6-999", 206, RANGED[6:]),
        ("bytes=99-", 416, b""),
        ("bytes=5-2", 416, b""),
        ("bytes=0-1,3-4", 200, RANGED),
        ("lines=1", 200, RANGED),
    ],
)
def test_one_range_of_a_file_can_be_read(standing: Standing, asked: str, status: int, part: bytes) -> None:
    cid = standing.house.content.write(RANGED)
    got = standing.http.get(f"/ipfs/{cid}", headers={"Range": asked})
    assert (got.status_code, got.content) == (status, part)


def test_a_published_page_is_never_run_as_ours(standing: Standing) -> None:
    cid = standing.house.content.write(b"<script>alert(1)</script>")
    got = standing.http.get(f"/ipfs/{cid}")
    assert got.headers["content-type"].startswith("text/plain")
    assert got.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in got.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (ABSENT, 404),
        ("Qm123", 400),
        ("x" * 300, 400),
        ("%00", 400),
        (f"{HELLO}?format=car", 400),
        (f"{HELLO}/readme", 404),
    ],
)
def test_what_the_gateway_cannot_serve_is_refused_by_kind(standing: Standing, path: str, status: int) -> None:
    refused = standing.http.get(f"/ipfs/{path}")
    assert (refused.status_code, refused.headers["content-type"]) == (status, "application/problem+json")


def test_corrupted_content_is_not_served(http: httpx.Client, house: House) -> None:
    house.content.write(TEXT)
    digest = hashlib.sha256(house.content.read_block(HELLO)).hexdigest()
    (house.content._folder / digest[:2] / digest[2:]).write_bytes(b"other bytes")
    assert http.get(f"/ipfs/{HELLO}").status_code == 500


def test_head_tells_whether_it_is_here(http: httpx.Client, house: House) -> None:
    assert http.head(f"/ipfs/{HELLO}").status_code == 404
    house.content.write(TEXT)
    assert http.head(f"/ipfs/{HELLO}").headers["etag"] == f'"{HELLO}"'


def test_add_names_files_as_ipfs_does(rpc: httpx.Client, standing: Standing) -> None:
    added = rpc.post("/api/v0/add", files=[("file", ("a.txt", TEXT)), ("file", ("b.txt", b"b"))])
    lines = [line for line in added.text.splitlines() if line]
    assert lines[0] == f'{{"Name":"a.txt","Hash":"{HELLO}","Size":"20"}}'
    assert len(lines) == 2
    assert standing.house.content.read(HELLO) == TEXT


def test_only_hash_stores_nothing(rpc: httpx.Client, standing: Standing) -> None:
    named = rpc.post("/api/v0/add?only-hash=true", files={"file": ("a", b"never stored")}).json()
    assert not standing.house.content.holds(named["Hash"])


def test_what_was_added_can_be_read_back(rpc: httpx.Client) -> None:
    cid = rpc.post("/api/v0/add?cid-version=1", files={"file": ("a", BIG)}).json()["Hash"]
    assert cid == str(cid_of(BIG, 1))
    assert rpc.post(f"/api/v0/cat?arg={cid}").content == BIG
    assert rpc.post(f"/api/v0/cat?arg=/ipfs/{cid}&offset=10&length=5").content == BIG[10:15]
    block = rpc.post(f"/api/v0/block/get?arg={cid}").content
    assert cid_of(BIG, 1).digest == hashlib.sha256(block).digest()


async def test_our_own_client_of_kubo_speaks_with_it(house: House) -> None:
    with serving(create_kubo_app(house.content, "QmNode", 4 << 20)) as url:
        content = KuboContent(url)
        cid = await content.put(BIG)
        assert await content.get(cid) == BIG
        assert await content.has(cid)
        assert not await content.has(HELLO)
        await content.aclose()


def test_identity_and_version_have_kubos_fields(rpc: httpx.Client) -> None:
    assert set(rpc.post("/api/v0/id").json()) == {"ID", "PublicKey", "Addresses", "AgentVersion", "Protocols"}
    assert set(rpc.post("/api/v0/version").json()) == {"Version", "Commit", "Repo", "System", "Golang"}


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("POST", "cat", 400, 'argument \\"ipfs-path\\" is required'),
        ("POST", "cat?arg=nonsense", 500, "invalid path"),
        ("POST", f"cat?arg={ABSENT}", 500, "could not find"),
        ("POST", f"cat?arg={HELLO}&offset=-1", 400, "negative offset"),
        ("POST", f"cat?arg={HELLO}&offset=x", 400, "offset"),
        ("POST", f"block/get?arg={ABSENT}", 500, "could not find"),
        ("POST", "add", 400, 'argument \\"path\\" is required'),
        ("POST", "add?cid-version=7", 400, "CID version"),
        ("POST", "add?chunker=rabin", 400, "chunker"),
        ("GET", "version", 405, "405 - Method Not Allowed"),
        ("POST", "dag/put", 404, "404 page not found"),
    ],
)
def test_the_rpc_refuses_in_kubos_words(rpc: httpx.Client, method: str, path: str, status: int, words: str) -> None:
    refused = rpc.request(method, f"/api/v0/{path}")
    assert refused.status_code == status, refused.text
    assert words in refused.text
    if status in (400, 500):
        assert set(refused.json()) == {"Message", "Code", "Type"}


def test_web_pages_of_other_origins_cannot_write(rpc: httpx.Client) -> None:
    files = {"file": ("a", TEXT)}
    assert rpc.post("/api/v0/add", files=files, headers={"Origin": "https://evil.example"}).status_code == 403
    assert rpc.post("/api/v0/add", files=files, headers={"Origin": "https://ok.example"}).status_code == 200


def test_an_upload_beyond_the_limit_is_refused(rpc: httpx.Client) -> None:
    refused = rpc.post("/api/v0/add", files={"file": ("a", bytes(5 << 20))})
    assert refused.status_code == 413
    assert re.fullmatch("the body has more than the [0-9]+ bytes that this route takes", refused.json()["Message"])
