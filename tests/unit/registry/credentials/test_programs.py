"""Credential helpers: programs that answer, and those that hang, flood, lie or were not meant."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from secmount.errors import RegistryError
from secmount.registry.credentials.programs import OUTPUT_LIMIT
from secmount.registry.credentials.value import Basic, IdentityToken

from .conftest import Home

SECRET = "s3cret-of-somebody"


def answers(text: str) -> str:
    return f"cat >/dev/null\nprintf '%s' '{text}'"


def refused(home: Home, script: str, *, deadline: float = 20.0) -> RegistryError:
    home.helper("x", script)
    with pytest.raises(RegistryError) as caught:
        home.helpers(deadline=deadline).get("x", "ghcr.io")
    assert SECRET not in f"{caught.value} {caught.value.args} {caught.value.__cause__}"
    return caught.value


def test_a_name_and_a_secret(home: Home) -> None:
    home.helper("x", answers('{"ServerURL":"ghcr.io","Username":"ann","Secret":"pw"}'))
    assert home.helpers().get("x", "ghcr.io") == Basic("ann", "pw")


def test_a_token_is_an_identity_token(home: Home) -> None:
    home.helper("x", answers('{"ServerURL":"https://ghcr.io/v2/","Username":"<token>","Secret":"t"}'))
    assert home.helpers().get("x", "ghcr.io") == IdentityToken("t")


def test_a_helper_that_does_not_say_the_server(home: Home) -> None:
    home.helper("x", answers('{"Username":"_dcgcloud_token","Secret":"t"}'))
    assert home.helpers().get("x", "gcr.io") == Basic("_dcgcloud_token", "t")


def test_it_gets_the_server_and_nothing_else(home: Home) -> None:
    home.helper("x", f'cat > {home.folder}/given; printf "%s" "$*" > {home.folder}/words; exit 1')
    with pytest.raises(RegistryError, match="SM4205"):
        home.helpers().get("x", "https://index.docker.io/v1/")
    assert (home.folder / "given").read_bytes() == b"https://index.docker.io/v1/"
    assert (home.folder / "words").read_text() == "get"


@pytest.mark.parametrize("ending", ["", "\n"])
def test_what_is_not_kept_is_none(home: Home, ending: str) -> None:
    home.helper("x", f"printf 'credentials not found in native keychain{ending}'; exit 1")
    assert home.helpers().get("x", "ghcr.io") is None


def test_an_empty_answer_is_none(home: Home) -> None:
    home.helper("x", answers('{"ServerURL":"ghcr.io","Username":"","Secret":""}'))
    assert home.helpers().get("x", "ghcr.io") is None


def test_one_that_reads_nothing_is_heard(home: Home) -> None:
    home.helper("x", 'exec <&-; printf \'{"Username":"a","Secret":"b"}\'')
    assert home.helpers().get("x", "ghcr.io") == Basic("a", "b")


@pytest.mark.parametrize(
    "server", ["evil.example", "https://ghcr.io.evil.example/", "ghcr.io:8443", "evil.example/ghcr.io", "xghcr.io"]
)
def test_an_answer_for_another_server_is_refused(home: Home, server: str) -> None:
    error = refused(home, answers(f'{{"ServerURL":"{server}","Username":"a","Secret":"{SECRET}"}}'))
    assert error.code == "SM4206"


@pytest.mark.parametrize(
    "answer",
    [
        f"{SECRET}",
        f'{{"Username":"a","Secret":"{SECRET}","Secret":"{SECRET}2"}}',
        f'["{SECRET}"]',
        f'{{"Username":"a","Secret":["{SECRET}"]}}',
        f'{{"Username":"a","Secret":"{SECRET}"}}{{"Username":"b"}}',
        f'{{"Username":"a","Secret":"{SECRET}\\u0000"}}',
        f'{{"Username":"a","Secret":"{SECRET}\\u000d\\u000aX-Evil: 1"}}',
        f'{{"Username":"a\\u001b[2J","Secret":"{SECRET}"}}',
        f'{{"Username":"a:b","Secret":"{SECRET}"}}',
        f'{{"Username":"","Secret":"{SECRET}"}}',
        f'{{"Username":"<token>","Secret":"{SECRET} two"}}',
        f'{{"Username":"<token>","Secret":"{SECRET}\\u000aX: 1"}}',
        '{"Username":"<token>","Secret":""}',
        "",
    ],
)
def test_an_answer_that_is_none_is_refused_and_not_shown(home: Home, answer: str) -> None:
    assert refused(home, f"cat >/dev/null\ncat <<'EOF'\n{answer}\nEOF").code == "SM4205"


def test_a_failure_is_told_without_what_it_printed(home: Home, capfd: pytest.CaptureFixture[str]) -> None:
    error = refused(home, f"echo {SECRET}; echo {SECRET} >&2; exit 3")
    assert error.code == "SM4205" and error.got == "exit status 3"
    assert capfd.readouterr() == ("", "")


def test_one_that_hangs_is_ended_with_all_it_started(home: Home) -> None:
    begun = time.monotonic()
    error = refused(home, f"sleep 300 &\necho $! > {home.folder}/child\nsleep 300", deadline=0.4)
    assert error.code == "SM4205" and "in time" in str(error.got) and time.monotonic() - begun < 10
    child = int((home.folder / "child").read_text())
    for _ in range(200):
        if not running(child):
            break
        time.sleep(0.02)
    assert not running(child)


def test_one_that_closes_its_output_and_stays_is_ended(home: Home) -> None:
    error = refused(home, f"echo $$ > {home.folder}/self\nexec >&-\nsleep 300", deadline=0.4)
    assert error.code == "SM4205"
    assert not running(int((home.folder / "self").read_text()))


def test_one_that_floods_is_ended(home: Home) -> None:
    error = refused(home, "exec cat /dev/zero")
    assert error.code == "SM4205" and str(OUTPUT_LIMIT) in str(error.got)


@pytest.mark.parametrize("name", ["../x", "x/y", "", "a b", "x;id", "-\n", "x" * 65, "é"])
def test_a_name_that_could_lead_elsewhere_is_refused(home: Home, name: str) -> None:
    with pytest.raises(RegistryError, match="SM4203"):
        home.helpers().get(name, "ghcr.io")


def test_one_that_is_not_there(home: Home) -> None:
    with pytest.raises(RegistryError, match="SM4204"):
        home.helpers().get("none", "ghcr.io")


def test_one_that_is_no_program(home: Home) -> None:
    path = home.helper("x", "")
    path.write_bytes(b"\0\1\2\3")
    with pytest.raises(RegistryError, match="SM4204"):
        home.helpers().get("x", "ghcr.io")


@pytest.mark.parametrize("mode", [0o775, 0o757])
def test_one_that_others_can_change_is_not_run(home: Home, mode: int) -> None:
    home.helper("x", f"touch {home.folder}/ran").chmod(mode)
    with pytest.raises(RegistryError, match="SM4204"):
        home.helpers().get("x", "ghcr.io")
    assert not (home.folder / "ran").exists()


def test_one_in_a_folder_that_others_can_write_to_is_not_run(home: Home) -> None:
    home.helper("x", f"touch {home.folder}/ran")
    home.bin.chmod(0o777)
    with pytest.raises(RegistryError, match="SM4204"):
        home.helpers().get("x", "ghcr.io")
    assert not (home.folder / "ran").exists()


@pytest.mark.parametrize("path", ["", ":", "bin", "./bin:."])
def test_the_working_directory_is_never_searched(home: Home, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    home.helper("x", f"touch {home.folder}/ran")
    monkeypatch.chdir(home.folder if "bin" in path else home.bin)
    home.environment["PATH"] = path
    with pytest.raises(RegistryError, match="SM4204"):
        home.helpers().program("x")
    with pytest.raises(RegistryError, match="SM4204"):
        home.helpers().get("x", "ghcr.io")
    assert not (home.folder / "ran").exists()


def test_as_root_nothing_in_path_is_run(home: Home) -> None:
    home.helper("x", f"touch {home.folder}/ran")
    with pytest.raises(RegistryError, match="SM4204") as caught:
        home.helpers(uid=0).get("x", "ghcr.io")
    assert "[registry] helpers" in str(caught.value.want) and not (home.folder / "ran").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="the files must be root's")
def test_as_root_one_with_a_path_is_run_without_the_callers_environment(home: Home) -> None:
    path = home.helper("x", f"env > {home.folder}/env\n" + answers('{"Username":"a","Secret":"b"}'))
    home.environment["AWS_PROFILE"] = "mallory"
    assert home.helpers(uid=0, x=str(path)).get("x", "ghcr.io") == Basic("a", "b")
    seen = (home.folder / "env").read_text()
    assert "HOME=/root\n" in seen and str(home.bin) not in seen and "mallory" not in seen


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a file to somebody else")
@pytest.mark.parametrize("configured", [True, False])
def test_one_of_another_user_is_not_run(home: Home, configured: bool) -> None:
    path = home.helper("x", f"touch {home.folder}/ran")
    os.chown(path, 4242, 4242)
    helpers = home.helpers(uid=0, x=str(path)) if configured else home.helpers()
    with pytest.raises(RegistryError, match="SM4204"):
        helpers.get("x", "ghcr.io")
    assert not (home.folder / "ran").exists()


def test_a_users_helper_sees_few_variables(home: Home) -> None:
    home.helper("x", f"env > {home.folder}/env\n" + answers('{"Username":"a","Secret":"b"}'))
    home.environment |= {"COSIGN_PASSWORD": SECRET, "LD_PRELOAD": "/x.so", "GNUPGHOME": "/gpg", "AWS_PROFILE": "p"}
    home.helpers().get("x", "ghcr.io")
    seen = (home.folder / "env").read_text()
    assert SECRET not in seen and "LD_PRELOAD" not in seen
    assert "GNUPGHOME=/gpg\n" in seen and "AWS_PROFILE=p\n" in seen


def test_store_and_erase(home: Home) -> None:
    home.helper("x", f"cat > {home.folder}/$1")
    home.helpers().store("x", "ghcr.io", Basic("ann", 'p"w\u2713' + "x" * 65_000))
    given = (home.folder / "store").read_text()
    assert given.startswith('{"ServerURL": "ghcr.io", "Username": "ann", "Secret": "p\\"w') and len(given) > 65_000
    assert home.helpers().erase("x", "ghcr.io") and (home.folder / "erase").read_text() == "ghcr.io"


def test_store_and_erase_that_fail(home: Home) -> None:
    home.helper("x", "exit 1")
    with pytest.raises(RegistryError, match="SM4205"):
        home.helpers().store("x", "ghcr.io", Basic("ann", SECRET))
    with pytest.raises(RegistryError, match="SM4205"):
        home.helpers().erase("x", "ghcr.io")
    home.helper("y", "printf 'credentials not found in native keychain'; exit 1")
    assert home.helpers().erase("y", "ghcr.io") is False


def test_no_secret_shows_in_a_repr(home: Home) -> None:
    home.environment["AWS_SECRET_ACCESS_KEY"] = SECRET
    assert SECRET not in f"{home.helpers()!r} {Basic('ann', SECRET)!r} {IdentityToken(SECRET)!r}"


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
