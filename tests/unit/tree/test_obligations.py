"""What decisions ask of trees: every final path and every file is held against it."""

from __future__ import annotations

import pytest

from secmount.errors import ContentError
from secmount.oci.digest import Digest
from secmount.policy import glob
from secmount.policy.decision import Obligations
from secmount.tree.dump import walk
from secmount.tree.node import Directory, File
from secmount.tree.obligations import finished
from tests.support.trees import folder, link, whole

PICKLE, WEIGHTS, TEXT = whole(b"pickle"), whole(b"weights"), whole(b"text")


def tree() -> Directory:
    sub = folder({"deep.pkl": whole(b"d")})
    return folder(
        {
            "README": TEXT,
            "evil.pkl": PICKLE,
            "link.txt": link("README"),
            "model": folder({"w.bin": WEIGHTS, "Optimizer.PKL": whole(b"other"), "sub": sub}),
            "old.pkl": folder({"a": whole(b"1"), "b": folder({"c": whole(b"2")})}),
        }
    )


def asked(*exclude: str, forbid: tuple[str, ...] = (), digests: tuple[Digest, ...] = ()) -> Obligations:
    return Obligations(
        exclude=tuple(map(glob.path, exclude)),
        forbid_paths=tuple(map(glob.path, forbid)),
        forbid_digests=frozenset(digests),
    )


def paths(root: Directory) -> list[str]:
    return [path for path, _ in walk(root)]


def test_nothing_asked_changes_nothing() -> None:
    root = tree()
    assert finished.meet(root, asked()) == (root, ())
    assert finished.meet(root, asked("**/*.nothing"))[0] is root


def test_every_path_that_matches_is_withheld_in_any_case_and_depth() -> None:
    root, withheld = finished.meet(tree(), asked("**/*.pkl"))
    assert paths(root) == ["README", "link.txt", "model", "model/sub", "model/w.bin"]
    gone = ["evil.pkl", "model/Optimizer.PKL", "model/sub/deep.pkl", "old.pkl", "old.pkl/a", "old.pkl/b", "old.pkl/b/c"]
    assert withheld == tuple((path, "exclude **/*.pkl") for path in gone)


@pytest.mark.parametrize("pattern", ["model/**", "model", "MODEL"])
def test_a_directory_that_matches_takes_all_below_it(pattern: str) -> None:
    root, withheld = finished.meet(tree(), asked(pattern))
    assert not [path for path in paths(root) if path.startswith("model")]
    assert ("model/sub/deep.pkl", f"exclude {pattern}") in withheld


def test_links_are_withheld_by_their_own_path() -> None:
    root, withheld = finished.meet(tree(), asked("*.txt"))
    assert "link.txt" not in paths(root)
    assert withheld == (("link.txt", "exclude *.txt"),)


def test_directories_in_which_nothing_changes_are_the_same_values() -> None:
    root = tree()
    changed, _ = finished.meet(root, asked("evil.pkl"))
    assert changed.entries["model"] is root.entries["model"]


@pytest.mark.parametrize(("first", "second"), [("a.bin", "z.pkl"), ("a.pkl", "z.bin")])
def test_a_hard_link_is_withheld_under_all_its_names(first: str, second: str) -> None:
    same = whole(b"same")
    root = folder({first: same, "d": folder({"third": same}), second: same, "twin": whole(b"same")})
    met, withheld = finished.meet(root, asked("**/*.pkl"))
    name = first if first.endswith("pkl") else second
    assert paths(met) == ["d", "twin"]
    assert dict(withheld)["d/third"] == f"hard link of {name}"


@pytest.mark.parametrize("pattern", ["**/*.pkl", "evil.pkl", "model/sub/**", "README"])
def test_a_forbidden_path_refuses_the_artifact(pattern: str) -> None:
    with pytest.raises(ContentError) as caught:
        finished.meet(tree(), asked(forbid=(pattern,)))
    assert (caught.value.code, caught.value.want) == ("SM5118", f"no {pattern}")


def test_a_forbidden_path_refuses_even_what_would_be_withheld() -> None:
    with pytest.raises(ContentError) as caught:
        finished.meet(tree(), asked("**/*.pkl", forbid=("evil.pkl",)))
    assert caught.value.code == "SM5118"


def test_a_forbidden_digest_refuses_under_any_name() -> None:
    with pytest.raises(ContentError) as caught:
        finished.meet(tree(), asked("**/*.pkl", digests=(PICKLE.digest,)))
    assert (caught.value.code, caught.value.got) == ("SM5119", str(PICKLE.digest))
    finished.meet(tree(), asked(digests=(Digest.of(b"elsewhere"),)))


def signed(root: Directory) -> dict[str, Digest]:
    return {path: node.digest for path, node in walk(root) if isinstance(node, File)}


def model() -> Directory:
    return folder({"a": WEIGHTS, "d": folder({"b": TEXT})})


def test_the_files_that_were_signed() -> None:
    finished.check_files(model(), signed(model()), (), partial=True)


@pytest.mark.parametrize(
    "changed",
    [
        folder({"a": WEIGHTS}),
        folder({"a": WEIGHTS, "d": folder({"b": TEXT, "c": TEXT})}),
        folder({"a": TEXT, "d": folder({"b": TEXT})}),
        folder({"A": WEIGHTS, "d": folder({"b": TEXT})}),
        folder({"a": WEIGHTS, "d": folder({"b": TEXT}), "l": link("a")}),
        folder({"a": link("d/b"), "d": folder({"b": TEXT})}),
    ],
    ids=["missing", "added", "changed", "renamed", "link added", "link instead"],
)
def test_files_that_were_not_signed(changed: Directory) -> None:
    with pytest.raises(ContentError) as caught:
        finished.check_files(changed, signed(model()), (), partial=True)
    assert caught.value.code == "SM5120"


def test_signed_files_may_be_missing_only_where_they_were_withheld() -> None:
    rest = folder({"a": WEIGHTS})
    finished.check_files(rest, signed(model()), (("d/b", "exclude d/**"),), partial=True)
    with pytest.raises(ContentError) as caught:
        finished.check_files(rest, signed(model()), (("d/c", "exclude d/**"),), partial=True)
    assert (caught.value.code, caught.value.subject) == ("SM5120", "d/b")


def test_without_the_rule_s_leave_nothing_may_be_missing_that_was_signed() -> None:
    with pytest.raises(ContentError) as caught:
        finished.check_files(folder({"a": WEIGHTS}), signed(model()), (("d/b", "exclude d/**"),), partial=False)
    assert (caught.value.code, caught.value.subject) == ("SM5120", "d/b")


@pytest.mark.parametrize("partial", [False, True])
def test_what_is_withheld_makes_no_room_for_what_was_not_signed(partial: bool) -> None:
    more = folder({"a": WEIGHTS, "d": folder({"b": TEXT}), ".git": folder({"config": TEXT})})
    withheld = ((".git/config", "exclude .git/**"),)
    with pytest.raises(ContentError) as caught:
        finished.check_files(more, signed(model()), withheld, partial=partial)
    assert (caught.value.code, caught.value.subject) == ("SM5120", ".git/config")
