"""Where may be delivered to: each way to reach what is inside, or to make us follow somewhere, is closed."""

import pytest

from api.webhooks.targets import BadTarget, Target, checked, is_public, resolved

INSIDE = [
    "127.0.0.1", "127.8.9.10", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "100.127.255.255", "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1",
    "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "192.88.99.1",
    "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "fec0::1", "ff02::1", "ff0e::1", "100::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::", "2001:0:7f00:1::", "2001:db8::1",
    "3fff::1", "5f00::1", "not an address",
]  # fmt: skip
OUTSIDE = ["1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8"]


@pytest.mark.parametrize("address", INSIDE)
def test_addresses_that_not_everybody_reaches_are_closed(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_public_addresses_are_open(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "javascript:alert(1)", "//example.com/",
        "http:///path", "https://", "http://user@example.com/", "http://user:secret@example.com/",
        "http://1.1.1.1@127.0.0.1/", "http://example.com:0/", "http://example.com:99999/", "http://example.com:x/",
        "http://exa mple.com/", "http://example.com/\r\nX-Injected: 1", "http://example.com\\@127.0.0.1/",
        "http://[::1", "http://example.com/\x00", "http://" + "a" * 3000,
    ],
)  # fmt: skip
async def test_urls_that_mean_something_else_than_they_seem_are_refused(url: str) -> None:
    async def resolve(_: str, __: int) -> list[str]:
        return ["1.1.1.1"]

    with pytest.raises(BadTarget):
        await checked(url, resolve=resolve)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0", "[::1]",
             "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"],
)  # fmt: skip
async def test_every_spelling_of_this_machine_is_refused_with_the_address_it_means(host: str) -> None:
    with pytest.raises(BadTarget, match=r"not public|not found"):
        await checked(f"http://{host}/", resolve=resolved)


async def test_a_name_with_one_closed_address_among_open_ones_is_refused() -> None:
    async def resolve(_: str, __: int) -> list[str]:
        return ["1.1.1.1", "10.0.0.7"]

    with pytest.raises(BadTarget, match=r"10\.0\.0\.7"):
        await checked("https://mixed.example/", resolve=resolve)


async def test_a_target_names_the_address_that_was_checked_and_keeps_the_name_beside_it() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        assert (host, port) == ("hooks.example", 8443)
        return ["2606:4700::1111"]

    target = await checked("https://Hooks.example:8443/in?key=1#part", resolve=resolve)
    assert target == Target("https", "hooks.example", 8443, "/in?key=1", "2606:4700::1111")
    assert (target.url, target.host_header) == ("https://[2606:4700::1111]:8443/in?key=1", "hooks.example:8443")


async def test_private_addresses_are_let_in_by_the_setting_only() -> None:
    assert (await checked("http://127.0.0.1:9/", allow_private=True)).address == "127.0.0.1"


async def test_a_name_that_is_not_found_is_refused() -> None:
    async def resolve(_: str, __: int) -> list[str]:
        raise OSError("no such name")

    with pytest.raises(BadTarget, match="no such name"):
        await checked("https://nowhere.example/", resolve=resolve)
