"""Where a signing key comes from: an encrypted keystore with its password, or a development account by number."""

from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct

from chain import signing
from chain.signing import Signer

PASSWORD_VARIABLE = "TALLYSTICK_PASSWORD"


class NoWallet(Exception):
    """Nothing to sign with was named."""


class LoosePermissions(Exception):
    """Others than its owner may read a file that must be secret."""


class WalletSettings(Struct, frozen=True):
    """`keystore` is an encrypted key file, `password_file` holds its password; or `development_account` is 0 to 19."""

    keystore: str = ""
    password_file: str = ""
    development_account: int | None = None

    def __post_init__(self) -> None:
        if self.keystore and self.development_account is not None:
            raise ValueError("keystore and development_account are both given: choose one")


def open_signer(
    settings: WalletSettings, chain_id: int, environ: Mapping[str, str], ask: Callable[[str], str] | None = None
) -> Signer:
    """The signer that the settings name. `ask` prompts a person where no password was given otherwise.

    Raises NoWallet, LoosePermissions, and what `chain.signing` raises for bad or forbidden keys.
    """
    if settings.development_account is not None:
        return signing.from_development_mnemonic(settings.development_account, chain_id)
    if not settings.keystore:
        raise NoWallet(
            "no wallet: make one with `tallystick wallet new FILE` and name it with --keystore, in"
            " TALLYSTICK_WALLET_KEYSTORE or under [wallet]; on a development chain --development-account N does"
        )
    path = Path(settings.keystore)
    return signing.from_keystore(path, given_password(settings.password_file, environ, ask, path), chain_id)


def given_password(
    password_file: str, environ: Mapping[str, str], ask: Callable[[str], str] | None, keystore: Path
) -> str:
    """From the file named, else from the environment, else from the person that `ask` asks."""
    if password_file:
        path = Path(password_file)
        if path.stat().st_mode & 0o077:
            raise LoosePermissions(f"{path} can be read by others: chmod 600 {path}")
        return path.read_text().rstrip("\n")
    if PASSWORD_VARIABLE in environ:
        return environ[PASSWORD_VARIABLE]
    if ask is None:
        raise NoWallet(f"{keystore} needs its password: name --password-file FILE, or set {PASSWORD_VARIABLE}")
    return ask(f"Password of {keystore}")
