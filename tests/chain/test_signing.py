"""Keys come from hex, encrypted files or the development mnemonic; none is shown, none is used where it must not."""

import json
import stat
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct

from chain.fees import Fees
from chain.signing import (
    BadKey,
    DevelopmentKeyRefused,
    Signer,
    Unsigned,
    from_development_mnemonic,
    from_hex,
    from_keystore,
    write_keystore,
)

KEY = bytes(range(1, 33))
MAINNET = 1
DEVNET = 31337
SECP256K1_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@pytest.fixture(scope="module")
def keystore(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "mine.json"
    write_keystore(KEY, "correct horse", path)
    return path


def test_a_signed_transaction_is_recovered_to_its_signer_and_carries_the_chain_id() -> None:
    signer = Signer(KEY, MAINNET)
    signed = signer.sign_transaction(Unsigned(7, b"\1" * 20, 10**18, b"\xab", 21_000, Fees(100, 2)))
    assert bytes.fromhex(Account.recover_transaction(signed.raw)[2:]) == signer.address
    assert signed.raw[0] == 2, "an EIP-1559 transaction"
    assert signed != Signer(KEY, 10).sign_transaction(Unsigned(7, b"\1" * 20, 10**18, b"\xab", 21_000, Fees(100, 2)))


def test_signing_the_same_order_again_gives_the_same_bytes() -> None:
    order = Unsigned(7, b"\1" * 20, 1, b"", 21_000, Fees(100, 2))
    assert Signer(KEY, MAINNET).sign_transaction(order) == Signer(KEY, MAINNET).sign_transaction(order)


def test_a_signed_message_is_recovered_to_its_signer_with_a_low_s() -> None:
    signer = Signer(KEY, MAINNET)
    signature = signer.sign_message(b"let me in")
    assert (
        bytes.fromhex(Account.recover_message(encode_defunct(b"let me in"), signature=signature)[2:]) == signer.address
    )
    assert len(signature) == 65
    assert int.from_bytes(signature[32:64], "big") <= SECP256K1_ORDER // 2
    assert signature[64] in (27, 28)


def test_a_key_is_read_from_hex_with_and_without_0x() -> None:
    assert from_hex(KEY.hex(), 1).address == from_hex(f" 0x{KEY.hex()}\n", 1).address == Signer(KEY, 1).address


@pytest.mark.parametrize("key", ["", "0x", "zz", "12" * 31, "12" * 33, "00" * 32, f"{SECP256K1_ORDER:064x}"])
def test_what_is_no_private_key_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(BadKey) as caught:
        from_hex(key, 1)
    assert len(key) < 4 or key not in str(caught.value)


def test_a_keystore_opens_with_its_password_and_only_its_owner_may_read_it(keystore: Path) -> None:
    assert from_keystore(keystore, "correct horse", MAINNET).address == Signer(KEY, MAINNET).address
    assert stat.S_IMODE(keystore.stat().st_mode) == 0o600
    assert KEY.hex() not in keystore.read_text()


def test_a_wrong_password_is_said_to_be_one(keystore: Path) -> None:
    with pytest.raises(BadKey, match=r"mine\.json: the password does not open it"):
        from_keystore(keystore, "wrong", MAINNET)


def test_a_keystore_is_never_overwritten(keystore: Path) -> None:
    before = keystore.read_bytes()
    with pytest.raises(BadKey, match="File exists"):
        write_keystore(KEY, "other", keystore)
    assert keystore.read_bytes() == before


@pytest.mark.parametrize(
    "content", ["", "not json", "[]", "{}", '{"version": 3}', '{"crypto": {}, "version": 3}', '"text"']
)
def test_a_file_that_is_no_keystore_is_refused_by_name(tmp_path: Path, content: str) -> None:
    path = tmp_path / "odd.json"
    path.write_text(content)
    with pytest.raises(BadKey, match=r"odd\.json"):
        from_keystore(path, "x", MAINNET)


def test_a_changed_keystore_is_refused(keystore: Path, tmp_path: Path) -> None:
    changed = json.loads(keystore.read_text())
    text = changed["crypto"]["ciphertext"]
    changed["crypto"]["ciphertext"] = ("0" if text[0] != "0" else "1") + text[1:]
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(changed))
    with pytest.raises(BadKey):
        from_keystore(path, "correct horse", MAINNET)


def test_a_missing_keystore_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadKey, match="nowhere"):
        from_keystore(tmp_path / "nowhere", "x", MAINNET)


def test_the_development_accounts_are_those_that_everybody_knows() -> None:
    addresses = [from_development_mnemonic(index, DEVNET).address.hex() for index in (0, 1, 9)]
    assert addresses == [
        "f39fd6e51aad88f6f4ce6ab8827279cfffb92266",
        "70997970c51812dc3a010c7d01b50e0d17dc79c8",
        "a0ee7a142d267c1f36714e4a8f75612f20a79720",
    ]


@pytest.mark.parametrize("chain_id", [1, 10, 11155111, 31338])
def test_development_keys_are_refused_on_every_other_chain_wherever_they_come_from(chain_id: int) -> None:
    with pytest.raises(DevelopmentKeyRefused, match=f"chain {chain_id} is no development chain"):
        from_development_mnemonic(3, chain_id)
    with pytest.raises(DevelopmentKeyRefused, match="create a key of your own"):
        from_hex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80", chain_id)


@pytest.mark.parametrize("index", [-1, 20])
def test_there_are_twenty_development_accounts(index: int) -> None:
    with pytest.raises(BadKey, match="choose 0 to 19"):
        from_development_mnemonic(index, DEVNET)


def test_a_signer_shows_its_address_and_never_its_key() -> None:
    signer = Signer(KEY, MAINNET)
    shown = f"{signer} {signer!r} {[signer]}"
    assert f"0x{signer.address.hex()}" in shown
    assert KEY.hex() not in shown
    assert not hasattr(signer, "__dict__")
