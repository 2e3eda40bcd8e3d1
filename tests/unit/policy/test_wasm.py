"""The WebAssembly engine: dead, slow, greedy or lying programs allow nothing, and a kept module must be authentic."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from secmount.errors import PolicyError, StorageError
from secmount.policy import compiled, shipped
from secmount.policy.engine import Answer
from secmount.policy.input import Request, document
from secmount.policy.rules import Policy
from secmount.policy.shipped import Program
from secmount.policy.wasm import WasmEngine
from tests.support.policies import NOW, artifact, engine, evidence, layer, rule, signed
from tests.unit.policy.programs import FOREVER, GREEDY, TRAP, program

ROOT = Path(__file__).parents[3]
ANSWER: dict[str, Any] = {
    "allow": True,
    "rule": "r",
    "checks": [{"id": "rule", "ok": True, "got": None, "want": None}],
    "deny": [],
    "approved": [0],
    "obligations": {},
    "exec": False,
    "valid_until": None,
}
LIES: tuple[Any, ...] = (1, "true", None, [], {})


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    return rule(tmp_path / "policy")


def run(policy: Policy, given: Program, **more: Any) -> Answer:
    return WasmEngine(module_directory=None, program=given, **more).evaluate({}, policy)


def code(policy: Policy, given: Program, **more: Any) -> str:
    with pytest.raises(PolicyError) as caught:
        run(policy, given, **more)
    return caught.value.code


def text(value: object) -> str:
    return json.dumps([{"result": value}])


def test_a_handwritten_program_can_answer(policy: Policy) -> None:
    assert run(policy, program(text(ANSWER))).document() == ANSWER


@pytest.mark.parametrize(
    ("result", "want"),
    [
        ("[]", "SM3092"),
        ("{}", "SM3093"),
        ("null", "SM3093"),
        ('[{"result":1},{"result":1}]', "SM3093"),
        (json.dumps([{"result": ANSWER, "x": 2}]), "SM3093"),
        (json.dumps([{"result": ANSWER}] * 2), "SM3093"),
        ('[{"other":1}]', "SM3093"),
        ("[{", "SM3091"),
        ("", "SM3091"),
        (text(None), "SM3093"),
        (text(True), "SM3093"),
        (text([ANSWER]), "SM3093"),
        *((text({key: value for key, value in ANSWER.items() if key != gone}), "SM3093") for gone in ANSWER),
        (text(ANSWER | {"more": 1}), "SM3093"),
        *((text(ANSWER | {"allow": lie}), "SM3093") for lie in LIES),
        (text(ANSWER | {"rule": 1}), "SM3093"),
        (text(ANSWER | {"exec": 0}), "SM3093"),
        (text(ANSWER | {"approved": [True]}), "SM3093"),
        (text(ANSWER | {"approved": ["0"]}), "SM3093"),
        (text(ANSWER | {"approved": [0.0]}), "SM3093"),
        (text(ANSWER | {"approved": {}}), "SM3093"),
        (text(ANSWER | {"approved": list(range(10_001))}), "SM3093"),
        (text(ANSWER | {"valid_until": "later"}), "SM3093"),
        (text(ANSWER | {"obligations": []}), "SM3093"),
        (text(ANSWER | {"checks": [{"id": "magic", "ok": True, "got": None, "want": None}]}), "SM3093"),
        (text(ANSWER | {"checks": [{"id": ["rule"], "ok": True, "got": None, "want": None}]}), "SM3093"),
        (text(ANSWER | {"checks": [{"id": "rule", "ok": 1, "got": None, "want": None}]}), "SM3093"),
        (text(ANSWER | {"checks": [{"id": "rule", "ok": True}]}), "SM3093"),
        (text(ANSWER | {"checks": ANSWER["checks"] * 65}), "SM3093"),
        (text(ANSWER | {"deny": [{"code": "nonsense", "args": {}}]}), "SM3093"),
        (text(ANSWER | {"deny": ["SM3010"]}), "SM3093"),
        (text(ANSWER | {"deny": [{"code": "SM3017", "args": {}}]}), "SM3093"),
        (text(ANSWER | {"deny": [{"code": "SM3017", "args": {"check": "bind"}}]}), "SM3093"),
        (text(ANSWER | {"deny": [{"code": "SM3017", "args": {"check": ["max-size"]}}]}), "SM3093"),
        (text(ANSWER | {"deny": [{"code": "SM3017", "args": {"check": "max-size", "more": 1}}]}), "SM3093"),
    ],
)
def test_a_strange_result_is_no_answer(policy: Policy, result: str, want: str) -> None:
    assert code(policy, program(result)) == want


def test_a_program_that_never_ends_is_stopped(policy: Policy) -> None:
    assert code(policy, program(text(ANSWER), body=FOREVER), deadline_ms=30) == "SM3095"


def test_a_trap_is_no_answer(policy: Policy) -> None:
    assert code(policy, program(text(ANSWER), body=TRAP)) == "SM3091"


def test_memory_is_capped(policy: Policy) -> None:
    assert code(policy, program(text(ANSWER), body=GREEDY), memory_pages=64) == "SM3091"
    many = artifact(*(layer(f"file-{number}") for number in range(2_000)))
    given = document(many, evidence(signed("release")), request=Request(), now_ms=NOW, newest_ms=None)
    small = WasmEngine(module_directory=None, memory_pages=20)
    with pytest.raises(PolicyError) as caught:
        small.evaluate(given, policy)
    assert caught.value.code == "SM3091"


def test_programs_that_cannot_run(policy: Policy) -> None:
    assert code(policy, Program(b"not wasm", "sha256:x")) == "SM3090"
    assert code(policy, Program(b"\0asm\x01\0\0\0", "sha256:x")) == "SM3091"
    assert code(policy, program(entrypoints='{"other/decision":0}')) == "SM3090"
    assert code(policy, program(text(ANSWER), builtins='{"http.send":0}')) == "SM3090"


def test_a_failure_leaves_nothing_behind(policy: Policy) -> None:
    """The same engine answers correctly after a failure, and no thread is left."""
    given = document(artifact(), evidence(signed("release")), request=Request(), now_ms=NOW, newest_ms=None)
    mine = engine()
    first = mine.evaluate(given, policy)
    with pytest.raises(PolicyError):
        mine.evaluate(given | {"artifact": "nonsense" * 5_000_000}, policy)
    assert mine.evaluate(given, policy) == first
    assert not [thread for thread in threading.enumerate() if "ticker" in thread.name]


def test_one_engine_serves_many_threads(policy: Policy) -> None:
    mine = engine()
    wrong: list[int] = []
    documents = [
        document(artifact(), evidence(*proof), request=Request(), now_ms=NOW, newest_ms=None)
        for proof in ((signed("release"),), (signed("ci"),))
    ]

    def work(at: int) -> None:
        wrong.extend(1 for _ in range(10) if mine.evaluate(documents[at % 2], policy).allow is not (at % 2 == 0))

    threads = [threading.Thread(target=work, args=(at,)) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_two_rules_that_weigh_alike_are_no_answer(policy: Policy) -> None:
    """The loader refuses them; data that holds them all the same makes the program fail, not choose."""
    given = document(artifact(), evidence(signed("release")), request=Request(), now_ms=NOW, newest_ms=None)
    [(name, row)] = policy.data["rules"].items()
    doubled = Policy(
        policy.path,
        policy.signers,
        policy.rules,
        policy.deny,
        "",
        (),
        dict(policy.data) | {"rules": {name: row, "b": row}},
    )
    with pytest.raises(PolicyError) as caught:
        engine().evaluate(given, doubled)
    assert caught.value.code in ("SM3091", "SM3092")


class TestKept:
    """Compiled modules between processes."""

    HELLO = program(text(ANSWER))

    def engine(self, place: Path, given: Program = HELLO) -> WasmEngine:
        return WasmEngine(module_directory=str(place), program=given)

    def origin(self, place: Path, policy: Policy, given: Program = HELLO) -> str | None:
        mine = self.engine(place, given)
        assert mine.evaluate({}, policy).allow
        return mine.origin

    def module(self, place: Path) -> Path:
        [found] = place.glob("*.module")
        return found

    def test_the_second_process_loads(self, tmp_path: Path, policy: Policy) -> None:
        place = tmp_path / "modules"
        assert [self.origin(place, policy), self.origin(place, policy)] == ["compiled", "loaded"]
        assert {path.name: path.stat().st_mode & 0o777 for path in place.iterdir()} == {
            "lock": 0o600,
            compiled.KEY_FILE: 0o600,
            self.module(place).name: 0o600,
        }
        assert place.stat().st_mode & 0o777 == 0o700

    def test_a_changed_module_is_not_loaded(self, tmp_path: Path, policy: Policy) -> None:
        place = tmp_path / "modules"
        self.origin(place, policy)
        good = self.module(place).read_bytes()
        for changed in (
            good[:40] + bytes([good[40] ^ 1]) + good[41:],
            bytes([good[0] ^ 1]) + good[1:],
            good[:-1],
            good + b"\0",
            good[:32],
            b"",
        ):
            self.module(place).write_bytes(changed)
            assert self.origin(place, policy) == "compiled"
            assert self.module(place).read_bytes()[32:] == good[32:]

    def test_a_module_of_another_program_is_not_loaded_under_this_name(self, tmp_path: Path, policy: Policy) -> None:
        place, other = tmp_path / "modules", tmp_path / "other"
        self.origin(place, policy)
        self.origin(other, policy, program(text(ANSWER | {"rule": "evil"})))
        (other / compiled.KEY_FILE).rename(place / compiled.KEY_FILE)
        self.module(place).write_bytes(self.module(other).read_bytes())
        assert self.origin(place, policy) == "compiled"
        assert self.engine(place).evaluate({}, policy).rule == "r"

    def test_a_module_under_another_key_is_not_loaded(self, tmp_path: Path, policy: Policy) -> None:
        place = tmp_path / "modules"
        self.origin(place, policy)
        (place / compiled.KEY_FILE).write_bytes(b"x" * 31)
        assert self.origin(place, policy) == "compiled"
        assert len((place / compiled.KEY_FILE).read_bytes()) == compiled.KEY_SIZE
        (place / compiled.KEY_FILE).unlink()
        assert [self.origin(place, policy), self.origin(place, policy)] == ["compiled", "loaded"]

    def test_an_authentic_module_of_another_build_is_compiled_again(self, tmp_path: Path, policy: Policy) -> None:
        """The engine itself refuses what it cannot load, and that is not an answer's matter."""
        place = tmp_path / "modules"
        self.origin(place, policy)
        key, file = (place / compiled.KEY_FILE).read_bytes(), self.module(place)
        identities: list[compiled.Identity] = []
        shelf = compiled.Shelf(str(place), os.getuid())
        mine = self.engine(place)
        mine._shelf = Recorder(shelf, identities)  # type: ignore[assignment]
        mine.evaluate({}, policy)
        junk = b"another build"
        file.write_bytes(hmac.digest(key, identities[0].text + junk, "sha256") + junk)
        assert self.origin(place, policy) == "compiled"

    def test_a_folder_that_others_control_is_refused(self, tmp_path: Path, policy: Policy) -> None:
        place = tmp_path / "modules"
        self.origin(place, policy)
        place.chmod(0o777)
        with pytest.raises(StorageError) as caught:
            self.origin(place, policy)
        assert caught.value.code == "SM7011"

    def test_a_link_in_place_of_the_module_or_the_folder_is_not_followed(self, tmp_path: Path, policy: Policy) -> None:
        place = tmp_path / "modules"
        self.origin(place, policy)
        module = self.module(place)
        moved = module.rename(tmp_path / "elsewhere")
        module.symlink_to(moved)
        with pytest.raises(StorageError) as caught:
            self.origin(place, policy)
        assert caught.value.code == "SM7012"
        (tmp_path / "link").symlink_to(place)
        with pytest.raises(StorageError) as caught:
            self.origin(tmp_path / "link", policy)
        assert caught.value.code == "SM7012"

    def test_a_disk_that_will_not_keep_it_does_not_matter(self, tmp_path: Path, policy: Policy) -> None:
        place = tmp_path / "modules"
        place.mkdir(mode=0o700)
        (place / "lock").mkdir()
        mine = self.engine(place)
        assert mine.evaluate({}, policy).allow
        assert (mine.origin, mine.fault is not None) == ("compiled", True)

    def test_old_modules_are_removed(self, tmp_path: Path, policy: Policy) -> None:
        place = tmp_path / "modules"
        for number in range(compiled.KEPT_LIMIT + 3):
            self.origin(place, policy, program(text(ANSWER | {"rule": str(number)})))
        assert len(list(place.glob("*.module"))) == compiled.KEPT_LIMIT
        assert self.origin(place, policy, program(text(ANSWER | {"rule": str(number)}))) == "loaded"

    def test_everything_that_a_module_depends_on_changes_its_name_and_code(self) -> None:
        one = compiled.Identity("w", "e", "m")
        others = [compiled.Identity("x", "e", "m"), compiled.Identity("w", "x", "m"), compiled.Identity("w", "e", "x")]
        assert len({one.name, *(other.name for other in others)}) == 4


class Recorder:
    """Stands for a shelf and notes what was asked of it."""

    def __init__(self, shelf: compiled.Shelf, identities: list[compiled.Identity]) -> None:
        self.shelf, self.identities = shelf, identities

    def load(self, identity: compiled.Identity) -> bytes | None:
        self.identities.append(identity)
        return self.shelf.load(identity)


def test_the_shipped_program_is_the_one_in_the_tree() -> None:
    found = shipped.program()
    assert found.digest == f"sha256:{hashlib.sha256((ROOT / 'policies/decision.wasm').read_bytes()).hexdigest()}"


def test_an_installation_without_the_program_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "PROGRAM", "absent.wasm")
    with pytest.raises(PolicyError) as caught:
        shipped.program()
    assert caught.value.code == "SM3090"


def test_a_policy_is_read_without_the_engine() -> None:
    """Importing wasmtime takes a tenth of a second: only an evaluation may pay it."""
    modules = "folder, rules, input, decision, engine, denial, recheck, shipped, compiled"
    heavy = {"wasmtime", "opapywasm", "cryptography"}
    program = f"import sys; from secmount.policy import {modules}; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert found.stdout.strip() == "[]"


def test_a_thousand_patterns_of_every_key_are_judged(tmp_path: Path) -> None:
    """More than 100 regexes in one evaluation would corrupt the program's memory (OPA's wasm/src/regex.cc, reuse)."""
    texts = [f'"x{number}/*"' for number in range(1_000)]
    paths = "[" + ", ".join(texts) + "]"
    types = "[" + ", ".join([*texts[1:], '"application/*"']) + "]"
    policy = rule(tmp_path / "p", f"exclude = {paths}", deny=f"paths = {paths}\nmedia-types = {paths}")
    resolution = artifact(*(layer(f"{number}.bin") for number in range(50)), layer("x999/secret"))
    given = document(resolution, evidence(signed("release")), request=Request(), now_ms=NOW, newest_ms=None)
    answer = engine().evaluate(given, policy)
    assert (answer.allow, [reason.code for reason in answer.deny]) == (False, ["SM3021"])
    policy = rule(tmp_path / "q", f"exclude = {paths}\nnamespaces = {paths}\nmedia-types = {types}")
    given = document(
        resolution, evidence(signed("release")), request=Request(namespace="x9/y"), now_ms=NOW, newest_ms=None
    )
    answer = engine().evaluate(given, policy)
    assert (answer.allow, answer.approved) == (True, tuple(range(50)))
