"""How verbs that change the chain run: settings and a wallet come in, a mined transaction is told."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from chain.outgoing import TransactionReceipt
from chain.settings import ChainSettings
from domain.settings import DomainSettings
from receipts import deployment as pins
from tallystick.amounts import show_wei
from tallystick.cli.session import Session, run_async
from tallystick.onchain import Reading, Sending, reading, sending
from tallystick.wallet import WalletSettings, open_signer


class ChainFlags(Struct, frozen=True):
    """What `chain_options` and `wallet_options` bring."""

    deployment: Path
    rpc_url: str | None = None
    ws_url: str | None = None
    keystore: str | None = None
    password_file: str | None = None
    development_account: int | None = None
    ledger_url: str | None = None


def read_chain(session: Session, flags: ChainFlags, ask: Callable[[Reading], Awaitable[None]]) -> None:
    """Runs `ask` over the contracts."""

    async def run() -> None:
        settings = session.settings(ChainSettings, rpc_url=flags.rpc_url, ws_url=flags.ws_url)
        async with reading(settings, pins.load(flags.deployment)) as chain:
            await ask(chain)

    run_async(run())


def change_chain(
    session: Session, flags: ChainFlags, act: Callable[[Sending], Awaitable[TransactionReceipt]], done: str
) -> None:
    """Runs `act` with the wallet's sender, and tells what was mined: `done` in the past tense."""

    async def run() -> None:
        settings = session.settings(ChainSettings, rpc_url=flags.rpc_url, ws_url=flags.ws_url)
        deployment = pins.load(flags.deployment)
        signer = open_signer(wallet_of(session, flags), deployment.chain_id, session.environ, session.person)
        domain = session.settings(DomainSettings, ledger_url=flags.ledger_url)
        async with reading(settings, deployment) as chain, sending(chain, signer, domain) as sender:
            _tell(session, await act(sender), done)

    run_async(run())


def wallet_of(session: Session, flags: ChainFlags) -> WalletSettings:
    """The wallet that the flags name, else the environment, else the file."""
    return session.settings(WalletSettings, **{name: getattr(flags, name) for name in WalletSettings.__struct_fields__})


def flags_of(options: dict[str, object]) -> ChainFlags:
    """The options that both decorators add, as one value."""
    return msgspec.convert({name: value for name, value in options.items() if value is not None}, ChainFlags)


def _tell(session: Session, receipt: TransactionReceipt, done: str) -> None:
    fee = show_wei(receipt.fee)
    session.console.print(f"{done}: block {receipt.block_number}, gas {receipt.gas_used}, fee {fee}")
    session.console.print(f"transaction 0x{receipt.hash.hex()}", soft_wrap=True)
