"""One attempt against real servers: what is sent, where it goes, and what of the answer is kept."""

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from api.webhooks.records import Delivery, Endpoint
from api.webhooks.sending import ANSWER_BYTES_MAX, Sender
from api.webhooks.signing import Vault, new_secret, signature
from api.webhooks.targets import Resolve, resolved
from tests.api.webhooks.receiver import Receiver, receiving

NOW_MS = 1_700_000_000_123
BODY = '{"type":"test","data":"ö"}'.encode()
DELIVERY = Delivery(1, "msg_1", "ep_1", "test", BODY, "waiting", 0, 0)
SECRET = new_secret()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@asynccontextmanager
async def sending(vault: Vault, *, allow_private: bool = True, resolve: Resolve = resolved) -> AsyncIterator[Sender]:
    sender = Sender(vault, 0.5, allow_private, lambda: NOW_MS, resolve)
    yield sender
    await sender.close()


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path / "key")


def endpoint(vault: Vault, url: str) -> Endpoint:
    return Endpoint("ep_1", url, ("jobs",), "instant", "", vault.seal(SECRET, "ep_1"), 0)


def always(*addresses: str) -> Resolve:
    async def resolve(_: str, __: int) -> list[str]:
        return list(addresses)

    return resolve


async def test_a_delivery_is_signed_and_what_came_back_is_kept(receiver: Receiver, vault: Vault) -> None:
    receiver.answer(202)
    async with sending(vault) as sender:
        attempt = await sender.attempt(endpoint(vault, receiver.url), DELIVERY)
    assert (attempt.status, attempt.answer, attempt.error, attempt.at) == (202, "ok", "", NOW_MS)
    taken = receiver.taken[0]
    assert (taken.line, taken.body) == ("POST /hook HTTP/1.1", BODY)
    assert taken.headers["webhook-id"] == "msg_1"
    assert taken.headers["webhook-timestamp"] == "1700000000"
    assert taken.headers["webhook-signature"] == signature(SECRET, "msg_1", 1_700_000_000, BODY)
    assert taken.headers["content-type"] == "application/json"


async def test_a_name_that_turns_inward_after_it_was_checked_is_not_followed(receiver: Receiver, vault: Vault) -> None:
    """The name is asked once for each delivery, and a private answer is refused then too."""
    answers = iter((["1.1.1.1"], ["127.0.0.1"]))

    async def resolve(_: str, __: int) -> list[str]:
        return next(answers)

    async with sending(vault, allow_private=False, resolve=resolve) as sender:
        hook = endpoint(vault, f"http://rebinding.example:{receiver.port}/")
        assert await resolve("", 0) == ["1.1.1.1"]
        attempt = await sender.attempt(hook, DELIVERY)
    assert "127.0.0.1, which is not public" in attempt.error
    assert receiver.taken == []


async def test_the_connection_goes_to_the_address_that_was_checked_under_the_name(vault: Vault) -> None:
    """The system would find no such name: only the address that was checked can have been used."""
    async with receiving() as receiver, sending(vault, resolve=always("127.0.0.1")) as sender:
        attempt = await sender.attempt(endpoint(vault, f"http://no-such-name.invalid:{receiver.port}/"), DELIVERY)
    assert attempt.succeeded
    assert receiver.taken[0].headers["host"] == f"no-such-name.invalid:{receiver.port}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(receiver: Receiver, vault: Vault, status: int) -> None:
    async with receiving() as inside, sending(vault) as sender:
        receiver.answer(status, extra=f"location: {inside.url}\r\n")
        attempt = await sender.attempt(endpoint(vault, receiver.url), DELIVERY)
    assert (attempt.status, attempt.error, inside.taken) == (status, "a redirect, which is not followed", [])


async def test_no_proxy_of_the_environment_is_asked(
    receiver: Receiver, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with receiving() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        async with sending(vault) as sender:
            assert (await sender.attempt(endpoint(vault, receiver.url), DELIVERY)).succeeded
        assert proxy.taken == []


async def test_private_targets_are_refused_at_every_delivery_unless_the_setting_lets_them_in(
    receiver: Receiver, vault: Vault
) -> None:
    async with sending(vault, allow_private=False) as sender:
        attempt = await sender.attempt(endpoint(vault, receiver.url), DELIVERY)
    assert (attempt.status, receiver.taken) == (None, [])
    assert "not public" in attempt.error


async def test_a_server_that_says_nothing_costs_the_time_allowed_and_no_more(receiver: Receiver, vault: Vault) -> None:
    receiver.is_silent = True
    async with sending(vault) as sender:
        attempt = await sender.attempt(endpoint(vault, receiver.url), DELIVERY)
    assert attempt.error == "no answer within 0.5 s"
    assert attempt.duration_ms < 3_000


async def test_of_an_endless_answer_the_beginning_is_kept(receiver: Receiver, vault: Vault) -> None:
    receiver.answers = [b"HTTP/1.1 500 No\r\ncontent-length: 50000000\r\n\r\n" + b"x" * 2_000_000]
    async with sending(vault) as sender:
        attempt = await sender.attempt(endpoint(vault, receiver.url), DELIVERY)
    assert (attempt.status, len(attempt.answer)) == (500, ANSWER_BYTES_MAX)


@pytest.mark.parametrize(
    "answer",
    [b"", b"not http at all\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nxyz"],
)
async def test_nonsense_for_an_answer_is_an_attempt_that_says_so(
    receiver: Receiver, vault: Vault, answer: bytes
) -> None:
    receiver.answers = [answer]
    async with sending(vault) as sender:
        attempt = await sender.attempt(endpoint(vault, receiver.url), DELIVERY)
    assert attempt.error or attempt.answer == "xyz"


async def test_nobody_listening_is_told(vault: Vault) -> None:
    async with receiving() as receiver:
        url = receiver.url
    async with sending(vault) as sender:
        assert "ConnectError" in (await sender.attempt(endpoint(vault, url), DELIVERY)).error


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate of this test")
async def test_a_certificate_of_another_name_is_not_trusted_though_the_address_is_right(
    vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = await asyncio.to_thread(_certified, tmp_path, "hooks.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
    outcomes = {}
    async with receiving(ssl=context) as receiver:
        for name in ("hooks.example", "other.example"):
            async with sending(vault, resolve=always("127.0.0.1")) as sender:
                _trust(sender, tmp_path / "certificate.pem")
                outcomes[name] = await sender.attempt(endpoint(vault, f"https://{name}:{receiver.port}/"), DELIVERY)
    assert outcomes["hooks.example"].succeeded, outcomes["hooks.example"].error
    assert "CERTIFICATE_VERIFY_FAILED" in outcomes["other.example"].error
    assert len(receiver.taken) == 1


def _certified(folder: Path, name: str) -> ssl.SSLContext:
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", f"/CN={name}",
         "-addext", f"subjectAltName=DNS:{name}", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def _trust(sender: Sender, certificate: Path) -> None:
    """As if an authority that everybody trusts had issued it."""
    trusting: Callable[[], ssl.SSLContext] = lambda: ssl.create_default_context(cafile=str(certificate))  # noqa: E731
    sender._client._transport._pool._ssl_context = trusting()  # type: ignore[attr-defined]
