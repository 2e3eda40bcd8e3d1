"""The decision program as WebAssembly, in this process. The only door of wasmtime and opa-py-wasm.

Each evaluation has an instance of its own, so nothing of one decision is seen by another. It may use no built-in
function of the host, `memory_pages` of 64 KiB and `deadline_ms`; a trap, a time-out, an undefined or strange result is
no answer.
opa-py-wasm compiles in its facade's constructor, so its parts are put together here around a module that may have been
compiled before. OPA WebAssembly ABI 1.2 and later.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import wasmtime
from opapywasm.abi import OpaAbiSpec
from opapywasm.builtins import BuiltinRegistry
from opapywasm.errors import OpaWasmError
from opapywasm.instance import OpaPolicyInstance
from opapywasm.runtime import EpochTicker, WasmtimeRuntime
from opapywasm.types import PolicyConfig

from secmount.errors import PolicyError, StorageError
from secmount.policy import compiled, engine, shipped
from secmount.policy.engine import Answer
from secmount.policy.rules import Policy

DEADLINE_MS = 5_000
MEMORY_PAGES = 4_096  # of 64 KiB; a cap, not an allotment: an artifact of 70 layers takes 3 MiB
DOCUMENT_LIMIT = 32 << 20  # bytes of input or data; 10,000 layers with annotations take about 8 MiB
SETTINGS = "epoch-interruption"  # part of a compiled module's identity

_FAULTS = (OpaWasmError, wasmtime.WasmtimeError, wasmtime.Trap)


class WasmEngine:
    """Evaluates the shipped program (or `program`); compiled modules are kept in `module_directory`, if any."""

    name = "wasm"

    def __init__(
        self,
        *,
        module_directory: str | None,
        uid: int | None = None,
        deadline_ms: int = DEADLINE_MS,
        memory_pages: int = MEMORY_PAGES,
        program: shipped.Program | None = None,
    ) -> None:
        """Take nothing up yet: the module is loaded at the first evaluation."""
        owner = os.geteuid() if uid is None else uid
        self._shelf = None if module_directory is None else compiled.Shelf(module_directory, owner)
        self._program = program
        self._config = PolicyConfig(
            max_input_bytes=DOCUMENT_LIMIT,
            max_data_bytes=DOCUMENT_LIMIT,
            parse_raw_json_input=False,
            max_memory_pages=memory_pages,
            eval_timeout_seconds=deadline_ms / 1000,
        )
        self._lock = threading.Lock()
        self._factory: _Factory | None = None
        self._ticker: EpochTicker | None = None
        self._running = 0
        self.origin: str | None = None  # loaded, compiled, or compiled and why it was not kept
        self.fault: StorageError | None = None

    def evaluate(self, document: Mapping[str, Any], policy: Policy) -> Answer:
        """Answer for `document` under `policy`.

        Raise `PolicyError`: SM3090 (no program that can run), SM3091 (it failed), SM3092 (no result), SM3093 (a strange
        result), SM3095 (out of time); `StorageError` where others control the folder of compiled modules.
        """
        factory = self._load()
        try:
            with self._time(factory) as ticker:
                result = self._run(factory, ticker, _encode(document), _encode({"secmount": {"policy": policy.data}}))
        except _FAULTS as err:
            code = "SM3095" if "time limit" in str(err) else "SM3091"
            raise PolicyError(code, got=f"{type(err).__name__}: {err}", want="an answer") from err
        match result:
            case []:
                raise PolicyError("SM3092", got="an undefined decision", want="an answer")
            case [{"result": value}] if len(result[0]) == 1:
                return engine.parse(value)
            case _:
                raise PolicyError("SM3093", got=repr(result), want="one result")

    def _run(self, factory: _Factory, ticker: EpochTicker, document: bytes, data: bytes) -> Any:
        instance = OpaPolicyInstance(
            factory,  # type: ignore[arg-type]  # the protocol is create_runtime alone
            self._config,
            OpaAbiSpec(),
            initial_data=data,
            builtins=BuiltinRegistry({}),
            epoch=ticker,
        )
        try:
            missing, entry = instance.builtins(), instance.entrypoints().get(shipped.ENTRYPOINT)
            if missing or entry is None:
                got = f"host built-ins {sorted(missing)}" if missing else f"no entry {shipped.ENTRYPOINT}"
                raise PolicyError("SM3090", got=got, want="a program that needs nothing of the host")
            return instance.evaluate(document, entry)
        finally:
            instance.close()

    @contextmanager
    def _time(self, factory: _Factory) -> Iterator[EpochTicker]:
        """Let time pass for the engine while anything runs on it: one ticker, however many evaluations."""
        with self._lock:
            ticker = self._ticker = self._ticker or EpochTicker(factory.engine)
            self._running += 1
        try:
            yield ticker
        finally:
            with self._lock:
                self._running -= 1
                idle = self._running == 0
                self._ticker = None if idle else ticker
            if idle:
                ticker.close()

    def _load(self) -> _Factory:
        with self._lock:
            if self._factory is None:
                config = wasmtime.Config()
                config.epoch_interruption = True
                runtime = wasmtime.Engine(config)
                self._factory = _Factory(runtime, self._module(runtime), self._config.max_memory_pages)
            return self._factory

    def _module(self, runtime: wasmtime.Engine) -> wasmtime.Module:
        program = self._program or shipped.program()
        machine = compiled.machine()
        identity = compiled.Identity(program.digest, f"wasmtime {version('wasmtime')} {SETTINGS}", machine or "")
        shelf = None if machine is None else self._shelf
        kept = None if shelf is None else shelf.load(identity)
        if kept is not None:
            try:
                module = wasmtime.Module.deserialize(runtime, kept)
            except wasmtime.WasmtimeError:
                pass  # authentic, but of a build of wasmtime that differs under one version: compiled again below
            else:
                self.origin = "loaded"
                return module
        try:
            module = wasmtime.Module(runtime, program.wasm)
        except wasmtime.WasmtimeError as err:
            raise PolicyError("SM3090", got=str(err), want="WebAssembly") from err
        self.origin = "compiled"
        if shelf is not None:
            self.fault = compiled.keep_if_possible(shelf, identity, bytes(module.serialize()))
        return module


class _Factory:
    """Instances of one compiled module; what `opapywasm.runtime.WasmtimeRuntimeFactory` is to an instance."""

    def __init__(self, runtime: wasmtime.Engine, module: wasmtime.Module, memory_pages: int | None) -> None:
        self.engine = runtime
        self._module = module
        self._memory_pages = memory_pages

    def create_runtime(self, builtin_dispatch: Callable[[int, int, list[int]], int] | None = None) -> WasmtimeRuntime:
        """Instantiate the module in a store of its own."""
        return WasmtimeRuntime(self.engine, self._module, builtin_dispatch, max_memory_pages=self._memory_pages)


def _encode(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
