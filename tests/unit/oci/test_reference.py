"""What a user may write, and what it means; the cases of distribution/reference (2026-04) with secmount's refusals."""

from __future__ import annotations

import pytest

from secmount.errors import InputError
from secmount.oci import reference
from secmount.oci.digest import Digest
from secmount.oci.reference import LayoutReference, RegistryReference

HEX = "ab" * 32
SHA = f"sha256:{HEX}"
SHA512 = f"sha512:{HEX}{HEX}"

# what is written, and its host, path, tag and digest
GOOD = {
    "ghcr.io/acme/model:v1": ("ghcr.io", "acme/model", "v1", None),
    "ghcr.io/acme/model": ("ghcr.io", "acme/model", "latest", None),
    f"ghcr.io/acme/model@{SHA}": ("ghcr.io", "acme/model", None, SHA),
    f"ghcr.io/acme/model:v1@{SHA}": ("ghcr.io", "acme/model", "v1", SHA),
    f"ghcr.io/acme/model@{SHA512}": ("ghcr.io", "acme/model", None, SHA512),
    "docker://ghcr.io/acme/model:v1": ("ghcr.io", "acme/model", "v1", None),
    "GHCR.io/acme/model:V1": ("ghcr.io", "acme/model", "V1", None),
    "ghcr.io:443/acme/model:v1": ("ghcr.io", "acme/model", "v1", None),
    "ghcr.io:0443/acme/model:v1": ("ghcr.io", "acme/model", "v1", None),
    "ghcr.io:05000/acme/model:v1": ("ghcr.io:5000", "acme/model", "v1", None),
    "localhost/x": ("localhost", "x", "latest", None),
    "localhost:5000/x:y": ("localhost:5000", "x", "y", None),
    "test:5000/repo:5050": ("test:5000", "repo", "5050", None),
    "docker.io/ubuntu": ("docker.io", "library/ubuntu", "latest", None),
    "index.docker.io/ubuntu:1": ("docker.io", "library/ubuntu", "1", None),
    "registry-1.docker.io/a/b": ("docker.io", "a/b", "latest", None),
    "docker.io:443/ubuntu": ("docker.io", "library/ubuntu", "latest", None),
    "DOCKER.IO/library/ubuntu": ("docker.io", "library/ubuntu", "latest", None),
    f"docker.io/{HEX}": ("docker.io", f"library/{HEX}", "latest", None),
    "Docker/docker": ("docker", "docker", "latest", None),
    "192.168.1.1/repo": ("192.168.1.1", "repo", "latest", None),
    "[2001:DB8::1]:5000/repo:tag": ("[2001:db8::1]:5000", "repo", "tag", None),
    "[2001:db8:0:0:0:0:0:1]/repo": ("[2001:db8::1]", "repo", "latest", None),
    "[::1]:443/repo": ("[::1]", "repo", "latest", None),
    "xn--n3h.com/myimage:xn--n3h.com": ("xn--n3h.com", "myimage", "xn--n3h.com", None),
    "b.gcr.io/test.example.com/my-app:test.example.com": (
        "b.gcr.io",
        "test.example.com/my-app",
        "test.example.com",
        None,
    ),
    "h.io/a__b/c---d/e.f/g_h:_x": ("h.io", "a__b/c---d/e.f/g_h", "_x", None),
    "h.io/x:" + "t" * 128: ("h.io", "x", "t" * 128, None),
    "h.io/" + "a/" * 127 + "a": ("h.io", "a/" * 127 + "a", "latest", None),
}


@pytest.mark.parametrize(("text", "parts"), GOOD.items())
def test_registry(text: str, parts: tuple[str, str, str | None, str | None]) -> None:
    host, path, tag, digest = parts
    expected = RegistryReference(text, host, path, tag, Digest.parse(digest) if digest else None)
    assert reference.parse(text, cwd="/w") == expected
    assert expected.name == f"{host}/{path}"


MALFORMED = {
    "": "SM1001",
    " ": "SM1001",
    ":tag": "SM1001",
    f"@{SHA}": "SM1001",
    "ghcr.io/": "SM1001",
    "ghcr.io//x": "SM1001",
    "ghcr.io/x/": "SM1001",
    "/ghcr.io/x": "SM1001",
    "ghcr.io/Acme/model": "SM1001",
    "ghcr.io/acme/model:": "SM1001",
    "ghcr.io/acme/model:-v": "SM1001",
    "ghcr.io/acme/model:.v": "SM1001",
    "ghcr.io/acme/model:v 1": "SM1001",
    "ghcr.io/acme/model:v1\n": "SM1001",
    "ghcr.io/acme/model\n": "SM1001",
    "ghcr.io/acme/model:v1:v2": "SM1001",
    "h.io/x:" + "t" * 129: "SM1001",
    "h.io/" + "a/" * 128 + "a": "SM1001",
    "a." * 127 + "a/x": "SM1001",
    "ghcr.io/acme/model@": "SM1003",
    "ghcr.io/acme/model@v1": "SM1003",
    f"ghcr.io/acme/model@sha256:{HEX.upper()}": "SM1003",
    f"ghcr.io/acme/model@sha256:{HEX[:-1]}": "SM1003",
    f"ghcr.io/acme/model@sha384:{HEX}{HEX[:32]}": "SM1003",
    f"ghcr.io/acme/model@{SHA}@{SHA}": "SM1003",
    f"ghcr.io/acme/model@{SHA}:v1": "SM1003",
    "ghcr.io/../x": "SM1001",
    "ghcr.io/../../etc:x": "SM1001",
    "ghcr.io/a/./b": "SM1001",
    "ghcr.io/a..b": "SM1001",
    "ghcr.io/a___b": "SM1001",
    "ghcr.io/_a": "SM1001",
    "ghcr.io/a-": "SM1001",
    "ghcr.io/a%2f..": "SM1001",
    "ghcr.io/a?x=1": "SM1001",
    "ghcr.io/a#x": "SM1001",
    "ghcr.io\\a": "SM1001",
    "ghcr.io./a/b": "SM1001",
    ".ghcr.io/a/b": "SM1001",
    "-ghcr.io/a": "SM1001",
    "ghcr-.io/a": "SM1001",
    "foo_bar.com/a": "SM1001",
    "user@ghcr.io/a": "SM1003",
    "user:pw@ghcr.io/a": "SM1003",
    "ghcr.io:/a": "SM1001",
    "ghcr.io:0/a": "SM1001",
    "ghcr.io:65536/a": "SM1001",
    "ghcr.io:123456/a": "SM1001",
    "ghcr.io:port/a": "SM1001",
    "ghcr.io:\u0661/a": "SM1001",
    "ghcr\u3002io/a": "SM1001",
    "ⅽocker.io/a": "SM1001",
    "\u0131ndex.docker.io/a": "SM1001",
    "[::1]": "SM1001",
    "[::1]:5000": "SM1001",
    "[fe80::1%eth0]:5000/x": "SM1001",
    "[2001:db8:3:4::192.0.2.33]:5000/x": "SM1001",
    "[::ffff:102:304]/x": "SM1001",
    "[:::]/x": "SM1001",
    "[1:2:3:4:5:6:7:8:9]/x": "SM1001",
    "fc00::1:5000/x": "SM1001",
    "https://ghcr.io/acme/model": "SM1001",
    "docker://docker://ghcr.io/x": "SM1001",
    "docker:ghcr.io/x": "SM1001",
    "dir:/srv/x": "SM1001",
    "docker-archive:/srv/x.tar": "SM1001",
    HEX: "SM1001",
    "x" * 9000: "SM1001",
    "ghcr.io/acme/model:v1\0": "SM1001",
    "ghcr.io/\udcffx/y": "SM1001",
    # short names
    "model": "SM1002",
    "model:v1": "SM1002",
    "acme/model:v1": "SM1002",
    f"acme/model@{SHA}": "SM1002",
    "docker.io": "SM1002",
    "localhost:5000": "SM1002",
    # layouts
    "oci:": "SM1001",
    "oci::v1": "SM1001",
    "oci:/srv/x:": "SM1001",
    "oci:/srv/x:v 1": "SM1001",
    "oci:/srv/x:-v1": "SM1001",
    "oci:/srv/x:\u00e9": "SM1001",
    "oci:/srv/x\0": "SM1001",
    "oci:/srv/x\ny": "SM1001",
    "oci:/srv/a\n/../x": "SM1001",
    "oci:/srv/\x1b[31mx": "SM1001",
    "oci:/srv/\x85x": "SM1001",
    "oci:/srv/\udcffx": "SM1001",
    "oci:~/x": "SM1001",
    "oci:~": "SM1001",
    f"oci:/srv/x:v1@{SHA}": "SM1001",
    f"oci:@{SHA}": "SM1001",
    f"oci:/srv/x@sha256:{HEX[:-1]}": "SM1003",
    "oci:/srv/x@sha256:": "SM1003",
    f"oci:/srv/x@md5:{HEX[:32]}": "SM1003",
    f"oci:/srv/x@SHA256:{HEX}": "SM1003",
    f"oci-archive:/srv/x.tar@{SHA}:v1": "SM1003",
}


@pytest.mark.parametrize(("text", "code"), MALFORMED.items())
def test_malformed(text: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        reference.parse(text, cwd="/w")
    assert caught.value.code == code
    str(caught.value).encode("utf-8")  # an error can always be printed and recorded


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("model", "docker.io/library/model"),
        ("acme/model:v1", "docker.io/acme/model:v1"),
        (f"model:v1@{SHA}", f"docker.io/library/model:v1@{SHA}"),
    ],
)
def test_a_short_name_is_answered_with_the_full_one(text: str, full: str) -> None:
    with pytest.raises(InputError) as caught:
        reference.parse(text, cwd="/w")
    assert caught.value.want is not None
    assert caught.value.want.endswith(f" {full}")


# what is written, and its path, whether it is an archive, tag and digest
LAYOUTS = {
    "oci:/srv/x": ("/srv/x", False, None, None),
    "oci:x": ("/w/x", False, None, None),
    "oci:.": ("/w", False, None, None),
    "oci:../x:v1": ("/x", False, "v1", None),
    "oci:/srv/./a//b/../x/": ("/srv/a/x", False, None, None),
    "oci://srv/x": ("/srv/x", False, None, None),
    "oci:///srv/x": ("/srv/x", False, None, None),
    "oci:/../../x": ("/x", False, None, None),
    "oci:/srv/x:v1": ("/srv/x", False, "v1", None),
    "oci:/srv/x:_v1": ("/srv/x", False, "_v1", None),
    "oci:/srv/x:ghcr.io/acme/model:v1": ("/srv/x", False, "ghcr.io/acme/model:v1", None),
    f"oci:/srv/x@{SHA}": ("/srv/x", False, None, SHA),
    f"oci:/srv/x@{SHA512}": ("/srv/x", False, None, SHA512),
    f"oci:/srv/a@b@{SHA}": ("/srv/a@b", False, None, SHA),
    "oci:/srv/with space/é": ("/srv/with space/é", False, None, None),
    "oci:./~/x": ("/w/~/x", False, None, None),
    "oci-archive:x.tar:v1": ("/w/x.tar", True, "v1", None),
    f"oci-archive:/x.tar@{SHA}": ("/x.tar", True, None, SHA),
}


@pytest.mark.parametrize(("text", "parts"), LAYOUTS.items())
def test_layout(text: str, parts: tuple[str, bool, str | None, str | None]) -> None:
    path, archive, tag, digest = parts
    parsed = reference.parse(text, cwd="/w")
    assert parsed == LayoutReference(text, path, archive, tag, Digest.parse(digest) if digest else None)
    assert parsed.name == f"oci:{path}"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("GHCR.io:443/acme/model", "ghcr.io/acme/model"),
        ("docker.io/x", "docker.io/library/x"),
        ("h.io:5000/x", "h.io:5000/x"),
    ],
)
def test_name_alone(text: str, name: str) -> None:
    assert reference.registry_name(text) == name


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("ghcr.io/acme/model:v1", "SM1001"),
        (f"ghcr.io/acme/model@{SHA}", "SM1001"),
        ("docker://ghcr.io/x", "SM1001"),
        ("oci:/srv/x", "SM1001"),
        ("model", "SM1002"),
        ("x" * 9000, "SM1001"),
    ],
)
def test_name_alone_refused(text: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        reference.registry_name(text)
    assert caught.value.code == code
