"""Signatures as standardwebhooks.com has them, and secrets that nobody reads without the key."""

from pathlib import Path

import pytest

from api.webhooks.signing import KeyUnusable, Vault, headers, new_secret, signature


def test_a_signature_is_the_one_that_the_specification_shows() -> None:
    signed = signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330,
        b'{"test": 2432232314}',
    )  # fmt: skip
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_while_a_secret_is_rotated_both_sign() -> None:
    old, new = new_secret(), new_secret()
    both = headers([new, old], "msg_1", 5, b"{}")["webhook-signature"]
    assert both == f"{signature(new, 'msg_1', 5, b'{}')} {signature(old, 'msg_1', 5, b'{}')}"


def test_a_sealed_secret_opens_for_its_owner_with_the_key_and_for_nobody_else(tmp_path: Path) -> None:
    vault, other = Vault(tmp_path / "key"), Vault(tmp_path / "other")
    secret = new_secret()
    sealed = vault.seal(secret, "ep_1")
    assert secret.removeprefix("whsec_").encode() not in sealed
    assert vault.open(sealed, "ep_1") == secret
    assert Vault(tmp_path / "key").open(sealed, "ep_1") == secret
    with pytest.raises(KeyUnusable):
        vault.open(sealed, "ep_2")
    with pytest.raises(KeyUnusable):
        vault.open(sealed[:-1] + b"x", "ep_1")
    with pytest.raises(KeyUnusable, match="other"):
        other.open(sealed, "ep_1")
    other.seal(secret, "ep_1")
    with pytest.raises(KeyUnusable):
        other.open(sealed, "ep_1")


def test_the_key_is_its_owners_alone_and_one_that_others_may_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "key"
    vault = Vault(file)
    sealed = vault.seal("whsec_x", "ep_1")
    assert file.stat().st_mode & 0o077 == 0
    file.chmod(0o644)
    with pytest.raises(KeyUnusable, match="chmod 600"):
        vault.open(sealed, "ep_1")
    file.chmod(0o600)
    file.write_text("short")
    with pytest.raises(KeyUnusable):
        vault.open(sealed, "ep_1")
