"""A contract that says whatever it is told: logs go in, the calldata that makes it emit them comes out.

It stands at the addresses of all three contracts, so that a chain full of their events is built in seconds.
"""

from collections.abc import Iterable

from msgspec import Struct

WORD = 32
HEADER_BYTES = 3
"""What each log of the calldata begins with: the number of topics, and the length of its data."""

OPCODES = {
    "STOP": 0x00, "ADD": 0x01, "GT": 0x11, "EQ": 0x14, "ISZERO": 0x15, "AND": 0x16, "BYTE": 0x1A, "SHL": 0x1B,
    "SHR": 0x1C, "CALLDATALOAD": 0x35, "CALLDATASIZE": 0x36, "CALLDATACOPY": 0x37, "POP": 0x50, "JUMP": 0x56,
    "JUMPI": 0x57, "JUMPDEST": 0x5B, "PUSH1": 0x60, "PUSH2": 0x61, "DUP1": 0x80, "SWAP1": 0x90, "LOG1": 0xA1,
}  # fmt: skip

READ_NEXT = """
    PUSH1 0
  @loop
    DUP1 CALLDATASIZE GT ISZERO :end JUMPI
    DUP1 CALLDATALOAD
    DUP1 PUSH1 232 SHR PUSH2 65535 AND
    SWAP1 PUSH1 0 BYTE
    DUP1 PUSH1 5 SHL DUP4 ADD PUSH1 3 ADD
    DUP3 DUP2 PUSH1 0 CALLDATACOPY
    DUP2 PUSH1 1 EQ :log1 JUMPI
    DUP2 PUSH1 2 EQ :log2 JUMPI
    DUP2 PUSH1 3 EQ :log3 JUMPI
    DUP2 PUSH1 4 EQ :log4 JUMPI
  @end
    STOP
"""
"""Leaves on the stack: place of the log, length of its data, number of topics, place of its data."""

GO_ON = """
  @next
    SWAP1 POP ADD SWAP1 POP :loop JUMP
"""


class Log(Struct, frozen=True):
    """What a contract says: at most four topics of 32 bytes, and data."""

    contract: bytes
    topics: tuple[bytes, ...]
    data: bytes


def calldata(logs: Iterable[Log]) -> bytes:
    """The calldata that makes the emitter say these logs, in order."""
    return b"".join(
        len(log.topics).to_bytes(1, "big") + len(log.data).to_bytes(2, "big") + b"".join(log.topics) + log.data
        for log in logs
    )


def runtime_code() -> bytes:
    """The emitter, as it lies at an address."""
    return assemble(READ_NEXT + "".join(_emit(topics) for topics in (1, 2, 3, 4)) + GO_ON)


def assemble(source: str) -> bytes:
    """`@name` marks a place to jump to, `:name` pushes it; other words are opcodes or the byte they push."""
    code, places, wanted = bytearray(), {}, {}
    for word in source.split():
        if word.startswith("@"):
            places[word[1:]] = len(code)
            code.append(OPCODES["JUMPDEST"])
        elif word.startswith(":"):
            wanted[len(code) + 1] = word[1:]
            code += bytes((OPCODES["PUSH2"], 0, 0))
        elif word.isdigit():
            code += int(word).to_bytes(2 if code[-1] == OPCODES["PUSH2"] else 1, "big")
        else:
            code.append(_opcode(word))
    for at, name in wanted.items():
        code[at : at + 2] = places[name].to_bytes(2, "big")
    return bytes(code)


def _emit(topics: int) -> str:
    """Pushes the topics, last first, then says the log."""
    pushed = " ".join(
        f"DUP{4 + i} PUSH1 {HEADER_BYTES + WORD * (topics - 1 - i)} ADD CALLDATALOAD" for i in range(topics)
    )
    return f" @log{topics} {pushed} DUP{3 + topics} PUSH1 0 LOG{topics} :next JUMP "


def _opcode(word: str) -> int:
    for family in ("DUP", "SWAP", "LOG"):
        if word.startswith(family):
            return OPCODES[f"{family}1"] + int(word.removeprefix(family)) - 1
    return OPCODES[word]
