"""/explorer/v1/webhooks: the operator's alone, from the first order to a verified delivery."""

import base64
import hashlib
import hmac
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from msgspec import Struct
from msgspec.structs import replace

from api.app import create_app
from tests.api.chain import until
from tests.api.conftest import SETTINGS, House, serving

TOKEN = "correct horse battery staple"
HOOKS = "/explorer/v1/webhooks"
ID = "ep_0123456789abcdef"


class Taken(Struct, frozen=True):
    """One request that came."""

    headers: dict[str, str]
    body: bytes


@contextmanager
def receiving() -> Iterator[tuple[str, list[Taken]]]:
    taken: list[Taken] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            taken.append(Taken({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", taken
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def operating(house: House, token: str = TOKEN, **changes: Any) -> Iterator[httpx.Client]:
    given = {"operator_token": token, "webhook_key_file": str(house.folder / "webhooks.key")}
    settings = replace(SETTINGS, **(given | {"webhook_private_targets": True} | changes))
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with serving(create_app(house.parts(settings))) as url, httpx.Client(base_url=url, headers=headers) as http:
        yield http


@pytest.fixture
def operator(house: House) -> Iterator[httpx.Client]:
    with operating(house) as http:
        yield http


def order(http: httpx.Client) -> None:
    assert http.post("/v1/prompts", json={"prompt": "Why?"}).status_code == 201


def verified(taken: Taken, secret: str) -> bool:
    """As a receiver checks it."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{taken.headers['webhook-id']}.{taken.headers['webhook-timestamp']}.".encode() + taken.body
    wanted = "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    return wanted in taken.headers["webhook-signature"].split(" ")


def test_a_job_reaches_its_receiver_signed_and_the_delivery_can_be_inspected(operator: httpx.Client) -> None:
    with receiving() as (url, taken):
        made = operator.post(HOOKS, json={"url": url, "topics": ["jobs"], "finality": "instant"})
        assert made.status_code == 201, made.text
        webhook, secret = made.json()["webhook"], made.json()["secret"]
        until(lambda: operator.get("/ready").status_code == 200)
        until(lambda: _told(operator, taken))
    assert verified(taken[0], secret)
    assert not verified(taken[0], "whsec_" + base64.b64encode(b"another").decode())
    shown = operator.get(f"{HOOKS}/{webhook['id']}/deliveries").json()["data"]
    first = operator.get(f"{HOOKS}/{webhook['id']}/deliveries/{shown[-1]['id']}").json()
    assert first["body"].encode() == taken[0].body
    assert (first["state"], first["attempts"][0]["status"]) == ("delivered", 204)
    assert secret not in operator.get(HOOKS).text


def _told(http: httpx.Client, taken: list[Taken]) -> bool:
    """The feed may begin a moment after the server does: orders are placed until one is heard of."""
    order(http)
    return bool(taken)


def test_a_rotated_secret_signs_beside_the_one_before(operator: httpx.Client) -> None:
    with receiving() as (url, taken):
        made = operator.post(HOOKS, json={"url": url, "topics": ["jobs"]}).json()
        rotated = operator.post(f"{HOOKS}/{made['webhook']['id']}/secret").json()
        assert rotated["secret"] != made["secret"]
        tested = operator.post(f"{HOOKS}/{made['webhook']['id']}/test")
        assert (tested.status_code, tested.json()["type"]) == (202, "test")
        until(lambda: taken)
    assert verified(taken[0], made["secret"])
    assert verified(taken[0], rotated["secret"])


def test_a_webhook_is_disabled_enabled_resent_and_deleted(operator: httpx.Client) -> None:
    with receiving() as (url, taken):
        webhook = operator.post(HOOKS, json={"url": url, "topics": ["jobs"]}).json()["webhook"]
        here = f"{HOOKS}/{webhook['id']}"
        assert operator.post(f"{here}/disable").json()["reason"] == "disabled by the operator"
        assert operator.post(f"{here}/test").json()["type"] == "/problems/endpoint-disabled"
        assert operator.post(f"{here}/enable").json()["is_enabled"] is True
        delivery = operator.post(f"{here}/test").json()["id"]
        until(lambda: len(taken) == 1)
        until(lambda: operator.get(f"{here}/deliveries/{delivery}").json()["state"] == "delivered")
        assert operator.post(f"{here}/deliveries/{delivery}/resend").json() == {"resent": 1}
        until(lambda: len(taken) == 2)
        assert taken[0].headers["webhook-id"] == taken[1].headers["webhook-id"] == delivery
        assert operator.post(f"{here}/resend").json() == {"resent": 0}
        assert operator.delete(here).status_code == 204
        assert operator.get(here).json()["type"] == "/problems/unknown-endpoint"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"url": "ftp://x.example/", "topics": ["jobs"]}, "scheme is 'ftp'"),
        ({"url": "http://user:pw@x.example/", "topics": ["jobs"]}, "user or a password"),
        ({"url": "https://x.example/", "topics": ["jop"]}, "no topic 'jop'"),
        ({"url": "https://x.example/", "topics": ["stats"]}, "stats tells of no rows"),
        ({"url": "https://x.example/", "topics": []}, "topics"),
        ({"url": "https://x.example/", "topics": ["jobs"], "finality": "soon"}, "finality"),
        ({"url": "https://x.example/", "topics": ["jobs"], "secret": "mine"}, "secret"),
        ({"topics": ["jobs"]}, "url"),
    ],
)
def test_what_cannot_be_delivered_to_is_refused(operator: httpx.Client, body: dict[str, Any], words: str) -> None:
    refused = operator.post(HOOKS, json=body)
    assert refused.status_code == 400, refused.text
    assert words in refused.text


def test_private_addresses_are_refused_unless_a_setting_lets_them_in(house: House) -> None:
    with operating(house, webhook_private_targets=False) as http:
        refused = http.post(HOOKS, json={"url": "http://localhost/hook", "topics": ["jobs"]})
        assert (refused.status_code, refused.json()["type"]) == (400, "/problems/bad-target")
        assert "webhook_private_targets" in refused.json()["remedy"]


ROUTES = [
    ("GET", HOOKS), ("POST", HOOKS), ("GET", f"{HOOKS}/{ID}"), ("DELETE", f"{HOOKS}/{ID}"),
    ("POST", f"{HOOKS}/{ID}/enable"), ("POST", f"{HOOKS}/{ID}/secret"), ("GET", f"{HOOKS}/{ID}/deliveries"),
]  # fmt: skip


def test_only_who_sends_the_operators_token_is_let_in(operator: httpx.Client) -> None:
    for method, path in ROUTES:
        for sent in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}, {"Authorization": "Bearer"}):
            refused = httpx.request(method, f"{operator.base_url}{path}", headers=sent)
            assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer"), (method, path)
            assert refused.json()["remedy"]


def test_without_a_token_nobody_is_the_operator(house: House) -> None:
    with operating(house, token="") as http:
        for method, path in ROUTES:
            refused = http.request(method, path)
            assert (refused.status_code, refused.json()["type"]) == (403, "/problems/no-operator")
            nobody = httpx.request(method, f"{http.base_url}{path}", headers={"Authorization": "Bearer"})
            assert nobody.status_code == 403


def test_the_token_may_come_from_a_file_and_one_that_could_be_guessed_is_refused(house: House) -> None:
    file = house.folder / "token"
    file.write_text(f"{TOKEN}\n")
    with operating(house, token="", operator_token_file=str(file)) as http:
        assert http.get(HOOKS).json() == []
    with pytest.raises(ValueError, match="16 at least"):
        create_app(house.parts(replace(SETTINGS, operator_token="short")))


def test_ids_that_are_none_are_refused_or_not_found(operator: httpx.Client) -> None:
    assert operator.get(f"{HOOKS}/ep_1").status_code == 400
    assert operator.get(f"{HOOKS}/{ID}").status_code == 404
    assert operator.get(f"{HOOKS}/{ID}/deliveries").status_code == 404
    assert operator.get(f"{HOOKS}/{ID}/deliveries/msg_{'0' * 24}").status_code == 404
