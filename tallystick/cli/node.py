"""`tallystick node`: a worker's registration, stake and offers."""

from typing import Any

import click
from rich.table import Table

from chain.outgoing import TransactionReceipt
from tallystick.amounts import show_wei
from tallystick.cli.options import ADDRESS, AMOUNT, chain_options, wallet_options
from tallystick.cli.sending import change_chain, flags_of, read_chain
from tallystick.cli.session import Session, pass_session
from tallystick.onchain import Reading, Sending


@click.group()
def node() -> None:
    """Registers a worker, sets its stake and offers, and shows what the chain holds of it.

    \b
    Example:  tallystick node register --ram 16384 --vram 24576 --cpu 90 --stake 0.01eth --keystore worker.json
    """


def _limits(command: Any) -> Any:
    for option in (
        click.option("--cpu", type=click.IntRange(1, 100), default=90, show_default=True, help="Percent of the CPU."),
        click.option("--vram", type=click.IntRange(0), default=0, show_default=True, help="GPU memory to offer, MiB."),
        click.option("--ram", type=click.IntRange(0), default=8192, show_default=True, help="Memory to offer, MiB."),
    ):
        command = option(command)
    return command


@node.command()
@_limits
@click.option("--stake", type=AMOUNT, help="Stake to lock [default: the least that may claim].")
@chain_options
@wallet_options
@pass_session
def register(session: Session, ram: int, vram: int, cpu: int, stake: int | None, **options: Any) -> None:
    """Registers this wallet's address as a node, with its limits and a stake.

    \b
    Example:  tallystick node register --ram 16384 --vram 24576 --cpu 90 --keystore worker.json
    """

    async def act(sender: Sending) -> TransactionReceipt:
        contracts = sender.chain.contracts
        least = await contracts.min_stake()
        value = least if stake is None else stake
        if value < least:
            raise click.ClickException(
                f"a stake of {value} wei is too little: a node that may claim stakes {show_wei(least)} ({least} wei) "
                "or more, and just that without --stake"
            )
        return await sender.call(contracts.nodes, "registerNode", ram, vram, cpu, value=value)

    change_chain(session, flags_of(options), act, "registered")


@node.command()
@_limits
@chain_options
@wallet_options
@pass_session
def update(session: Session, ram: int, vram: int, cpu: int, **options: Any) -> None:
    """Changes the node's limits.

    \b
    Example:  tallystick node update --ram 8192 --cpu 50 --keystore worker.json
    """
    _call(session, options, "limits changed", "updateNode", ram, vram, cpu)


@node.command()
@click.argument("amount", type=AMOUNT)
@chain_options
@wallet_options
@pass_session
def stake(session: Session, amount: int, **options: Any) -> None:
    """Adds AMOUNT to the node's stake, such as 0.01eth.

    \b
    Example:  tallystick node stake 0.01eth --keystore worker.json
    """
    _call(session, options, f"staked {show_wei(amount)} more", "addStake", value=amount)


@node.command()
@click.argument("model_id")
@click.option("--prompt-price", type=AMOUNT, required=True, help="Per prompt token, such as 1gwei.")
@click.option("--completion-price", type=AMOUNT, required=True, help="Per completion token.")
@chain_options
@wallet_options
@pass_session
def offer(session: Session, model_id: str, prompt_price: int, completion_price: int, **options: Any) -> None:
    """Posts the prices at which this node takes jobs reserved for it.

    \b
    Example:  tallystick node offer my-model --prompt-price 1gwei --completion-price 10gwei --keystore worker.json
    """
    _call(session, options, f"offered {model_id}", "postOffer", model_id, prompt_price, completion_price)


@node.command("withdraw-offer")
@click.argument("model_id")
@chain_options
@wallet_options
@pass_session
def withdraw_offer(session: Session, model_id: str, **options: Any) -> None:
    """Takes an offer back; jobs already reserved at it stand.

    \b
    Example:  tallystick node withdraw-offer my-model --keystore worker.json
    """
    _call(session, options, f"withdrew the offer for {model_id}", "withdrawOffer", model_id)


@node.command()
@chain_options
@wallet_options
@pass_session
def deregister(session: Session, **options: Any) -> None:
    """Leaves the network; the stake can be withdrawn when the unbonding delay is over.

    \b
    Example:  tallystick node deregister --keystore worker.json
    """
    _call(session, options, "deregistered", "deregisterNode")


@node.command("withdraw-stake")
@chain_options
@wallet_options
@pass_session
def withdraw_stake(session: Session, **options: Any) -> None:
    """Takes the stake back after the unbonding delay.

    \b
    Example:  tallystick node withdraw-stake --keystore worker.json
    """
    _call(session, options, "withdrew the stake", "withdrawStake")


@node.command()
@click.argument("address", type=ADDRESS)
@chain_options
@pass_session
def show(session: Session, address: bytes, **options: Any) -> None:
    """What the contracts hold of the node at ADDRESS.

    \b
    Example:  tallystick node show 0x70997970c51812dc3a010c7d01b50e0d17dc79c8
    """

    async def ask(chain: Reading) -> None:
        profile = await chain.contracts.node_profile(address)
        if not profile.registered_at:
            raise click.ClickException(f"0x{address.hex()} is not registered: `tallystick node register` does that")
        table = Table(show_header=False)
        table.add_row("may claim", "yes" if await chain.contracts.may_claim(address) else "no")
        table.add_row("stake", show_wei(profile.stake))
        table.add_row("credit", show_wei(await chain.contracts.credit_of(address)))
        table.add_row("limits", f"{profile.max_ram} MiB, GPU {profile.max_vram} MiB, CPU {profile.max_cpu_percent} %")
        session.console.print(table)

    read_chain(session, flags_of(options), ask)


def _call(session: Session, options: dict[str, Any], done: str, function: str, *arguments: Any, value: int = 0) -> None:
    async def act(sender: Sending) -> TransactionReceipt:
        return await sender.call(sender.chain.contracts.nodes, function, *arguments, value=value)

    change_chain(session, flags_of(options), act, done)
