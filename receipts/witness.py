"""A statement's two sides in, the circuit's witness out: circom's WebAssembly on wasmtime, compiled once and kept.

The generator checks every constraint as it goes, so a false statement ends here. A compiled module is machine code:
it is kept with its own SHA-256 and compiled anew when one bit of it differs, or the generator, or wasmtime.
"""

import hashlib
import os
import struct
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from wasmtime import Engine, Func, FuncType, Instance, Linker, Memory, Module, Store, ValType, WasmtimeError

from .poseidon import require_field
from .statement import FalseStatement, PrivatePart, PublicInputs, limbs, unpack_terms

Witness = list[int]

WORD_BYTES = 32
PAGE_BYTES = 65536
ASSERTION_FAILED = 4
_FAULTS = {
    1: "a signal is not known to the circuit",
    2: "too many signals were set",
    3: "a signal was set twice",
    5: "the generator is out of memory",
    6: "an array signal has more elements than the circuit knows",
}
_INPUT = struct.Struct("<III32s")  # high and low half of the signal's hash, index within it, the word
# circom's own interface takes and gives one word a call; this does a whole run within WebAssembly.
_DRIVER = """(module
  (import "circuit" "memory" (memory 1))
  (import "circuit" "init" (func $init (param i32)))
  (import "circuit" "setInputSignal" (func $set (param i32 i32 i32)))
  (import "circuit" "getWitness" (func $word (param i32)))
  (func (export "run") (param $area i32) (param $inputs i32) (param $shared i32) (param $wires i32)
    (local $i i32) (local $at i32)
    (call $init (i32.const 1))
    (local.set $at (local.get $area))
    (loop $input
      (memory.copy (local.get $shared) (i32.add (local.get $at) (i32.const 12)) (i32.const 32))
      (call $set
        (i32.load (local.get $at)) (i32.load offset=4 (local.get $at)) (i32.load offset=8 (local.get $at)))
      (local.set $at (i32.add (local.get $at) (i32.const 44)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $input (i32.lt_u (local.get $i) (local.get $inputs))))
    (local.set $i (i32.const 0))
    (local.set $at (local.get $area))
    (loop $wire
      (call $word (local.get $i))
      (memory.copy (local.get $at) (local.get $shared) (i32.const 32))
      (local.set $at (i32.add (local.get $at) (i32.const 32)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $wire (i32.lt_u (local.get $i) (local.get $wires))))))"""


class WitnessFailed(Exception):
    """The generator and what it was given do not fit each other."""


class WitnessGenerator:
    """One circuit's generator. Not for two threads at once: it has one memory."""

    def __init__(self, program: bytes, cache: Path | None = None) -> None:
        self._engine = Engine()
        self._module = _compiled(self._engine, program, cache)
        self._driver = Module(self._engine, _DRIVER)
        self._start()

    def __call__(self, private: PrivatePart, public: PublicInputs) -> Witness:
        """Every wire's value, the first being one. Raises FalseStatement."""
        inputs = _encoded(signals(private, public))
        if len(inputs) != self._inputs * _INPUT.size:
            raise WitnessFailed(
                f"the circuit takes {self._inputs} words, the statement has {len(inputs) // _INPUT.size}"
            )
        try:
            return self._generate(inputs)
        except BaseException:
            self._start()  # a run that broke off leaves signals behind
            raise

    def _start(self) -> None:
        store, linker = Store(self._engine), Linker(self._engine)
        linker.define_func("runtime", "exceptionHandler", FuncType([ValType.i32()], []), _raise_fault)
        for name in ("printErrorMessage", "writeBufferMessage", "showSharedRWMemory"):
            linker.define_func("runtime", name, FuncType([], []), lambda: None)
        circuit = linker.instantiate(store, self._module)
        linker.define_instance(store, "circuit", circuit)
        self._run = _function(linker.instantiate(store, self._driver), store, "run")
        self._wires = int(_function(circuit, store, "getWitnessSize")(store))
        self._inputs = int(_function(circuit, store, "getInputSize")(store))
        self._shared = int(_function(circuit, store, "getSharedRWMemoryStart")(store))
        self._store, self._memory = store, _memory(circuit, store)
        self._area = self._memory.size(store) * PAGE_BYTES
        needed = max(self._wires * WORD_BYTES, self._inputs * _INPUT.size)
        self._memory.grow(store, -(-needed // PAGE_BYTES))

    def _generate(self, inputs: bytes) -> Witness:
        self._memory.write(self._store, inputs, self._area)
        self._run(self._store, self._area, self._inputs, self._shared, self._wires)
        data = bytes(self._memory.read(self._store, self._area, self._area + self._wires * WORD_BYTES))
        return [int.from_bytes(data[at : at + WORD_BYTES], "little") for at in range(0, len(data), WORD_BYTES)]


def signals(private: PrivatePart, public: PublicInputs) -> dict[str, tuple[int, ...]]:
    """The circuit's input signals by the names of receipt.circom."""
    terms = unpack_terms(public.terms)
    return {
        "jobKey": (public.job_key,),
        "terms": (public.terms,),
        "amount": (public.amount,),
        "commitment": (public.commitment,),
        "promptDigest": limbs(private.prompt_digest),
        "responseDigest": limbs(private.response_digest),
        "modelDigest": limbs(private.model_digest),
        "promptTokens": (private.prompt_tokens,),
        "completionTokens": (private.completion_tokens,),
        "startedAt": (private.started_at,),
        "duration": (private.duration,),
        "salt": (private.salt,),
        "maxTokens": (terms.max_tokens,),
        "pricePromptToken": (terms.price_prompt_token,),
        "priceCompletionToken": (terms.price_completion_token,),
    }


def _encoded(values: Mapping[str, tuple[int, ...]]) -> bytes:
    """The inputs as the driver reads them. The generator itself refuses a signal it does not know."""
    return b"".join(
        _INPUT.pack(
            *divmod(_signal_hash(name), 1 << 32), index, require_field(word, name).to_bytes(WORD_BYTES, "little")
        )
        for name, words in values.items()
        for index, word in enumerate(words)
    )


def _signal_hash(name: str) -> int:
    """FNV-1a of 64 bits, by which circom's generator knows its signals."""
    digest = 0xCBF29CE484222325
    for byte in name.encode():
        digest = (digest ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return digest


def _compiled(engine: Engine, program: bytes, cache: Path | None) -> Module:
    if cache is None:
        return Module(engine, program)
    path = cache / f"witness-{hashlib.sha256(program).hexdigest()}-wasmtime-{version('wasmtime')}.bin"
    kept = _kept(path)
    if kept is not None:
        with suppress(WasmtimeError):  # made for another processor
            return Module.deserialize(engine, kept)
    module = Module(engine, program)
    _keep(path, bytes(module.serialize()))
    return module


def _kept(path: Path) -> bytes | None:
    """Machine code that is whole: wasmtime runs whatever it is given."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    digest, code = data[:WORD_BYTES], data[WORD_BYTES:]
    return code if hashlib.sha256(code).digest() == digest else None


def _keep(path: Path, code: bytes) -> None:
    """Whole or not at all. A folder that cannot be written costs a moment at each start and nothing else."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            unfinished.write_bytes(hashlib.sha256(code).digest() + code)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)


def _function(instance: Instance, store: Store, name: str) -> Func:
    found = instance.exports(store)[name]
    assert isinstance(found, Func), name
    return found


def _memory(instance: Instance, store: Store) -> Memory:
    found = instance.exports(store)["memory"]
    assert isinstance(found, Memory)
    return found


def _raise_fault(code: int) -> None:
    if code == ASSERTION_FAILED:
        raise FalseStatement("a constraint of the circuit does not hold: the statement is false")
    raise WitnessFailed(_FAULTS.get(code, f"the generator failed with code {code}"))
