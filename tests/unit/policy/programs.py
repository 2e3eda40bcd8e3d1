"""Decision programs that no OPA would compile, written by hand to OPA's WebAssembly ABI (1.2), for hostile answers.

A value's address is the address of its JSON text, so that `opa_json_dump` gives back what it is given.
"""

from __future__ import annotations

import hashlib

import wasmtime

from secmount.policy.shipped import Program

_ENTRYPOINTS, _BUILTINS, _RESULT = 1024, 2048, 4096
_TEXT = """
(module
  (import "env" "memory" (memory 2))
  (global (export "opa_wasm_abi_version") i32 (i32.const 1))
  (global (export "opa_wasm_abi_minor_version") i32 (i32.const 3))
  (global $heap (mut i32) (i32.const 65536))
  (data (i32.const {entrypoints_at}) "{entrypoints}\\00")
  (data (i32.const {builtins_at}) "{builtins}\\00")
  (data (i32.const {result_at}) "{result}\\00")
  (func (export "opa_malloc") (param i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $heap))
    (global.set $heap (i32.add (global.get $heap) (local.get 0)))
    (local.get $at))
  (func (export "opa_free") (param i32))
  (func (export "opa_json_parse") (param i32 i32) (result i32) (local.get 0))
  (func (export "opa_json_dump") (param i32) (result i32) (local.get 0))
  (func (export "opa_heap_ptr_get") (result i32) (global.get $heap))
  (func (export "opa_heap_ptr_set") (param i32) (global.set $heap (local.get 0)))
  (func (export "entrypoints") (result i32) (i32.const {entrypoints_at}))
  (func (export "builtins") (result i32) (i32.const {builtins_at}))
  (func (export "opa_eval") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
    {body}
    (i32.const {result_at})))
"""

FOREVER = "(loop $again (br $again))"
TRAP = "unreachable"
GREEDY = "(loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable"


def program(
    result: str = "[]", *, body: str = "", entrypoints: str = '{"secmount/decision":0}', builtins: str = "{}"
) -> Program:
    """Assemble a program whose evaluation runs `body` and gives the text `result`."""
    texts = {"entrypoints": entrypoints, "builtins": builtins, "result": result}
    wasm = wasmtime.wat2wasm(
        _TEXT.format(
            body=body,
            entrypoints_at=_ENTRYPOINTS,
            builtins_at=_BUILTINS,
            result_at=_RESULT,
            **{name: text.replace('"', '\\"') for name, text in texts.items()},
        )
    )
    return Program(bytes(wasm), f"sha256:{hashlib.sha256(wasm).hexdigest()}")
