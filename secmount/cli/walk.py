"""The walk of `secmount demo`: real commands in real processes, each shown as a user would type it.

A step whose exit status is not the expected one stops the walk as a bug. Between the commands only what an attacker or
a careless colleague would do to files is done here.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import field, replace

from secmount.cli import context
from secmount.cli.view.settings import Settings
from secmount.errors import MountError, SecmountError
from secmount.mount import choose
from secmount.oci import manifest
from secmount.oci.descriptor import Descriptor
from secmount.oci.manifest import Manifest
from secmount.publish import sample
from secmount.publish.layout import LayoutWriter
from secmount.registry.layout import LayoutSource
from secmount.value import dataclass


@dataclass(frozen=True, slots=True)
class _Walk:
    folder: str
    settings: Settings
    steps: list[dict[str, object]] = field(default_factory=list)

    def say(self, text: str) -> None:
        if self.settings.output != "json":
            print(f"\n\033[1m# {text}\033[0m" if sys.stdout.isatty() else f"\n# {text}", flush=True)

    def run(self, command: str, *, expect: int = 0) -> None:
        """Run `secmount …` or one of the plain commands as it is shown."""
        words = command.split()
        argv = [sys.executable, "-m", "secmount", *words[1:]] if words[0] == "secmount" else words
        environment = {**os.environ, "SECMOUNT_CONFIG": f"{self.folder}/config.toml"}
        shown = self.settings.output != "json"
        if shown:
            print(f"$ {command}", flush=True)
        done = subprocess.run(  # our own program and ls, with words that this module wrote
            argv,
            cwd=self.folder,
            env=environment,
            stdout=None if shown else subprocess.DEVNULL,
            stderr=subprocess.STDOUT if shown else subprocess.DEVNULL,
            check=False,
        )
        self.steps.append({"command": command, "exit": done.returncode, "expected": expect})
        if done.returncode != expect:
            raise SecmountError("SM9001", subject=command, got=f"exit {done.returncode}", want=f"exit {expect}")
        if shown and expect:
            print(f"(exit {expect})", flush=True)


def run(folder: str, settings: Settings) -> list[dict[str, object]]:
    """Walk in the empty folder `folder`; give the steps with their exit statuses."""
    walk = _Walk(folder, settings)
    _write(f"{folder}/config.toml", "".join(f'{key} = "{folder}/{key}"\n' for key in ("store", "policy", "state")))
    _prepare(walk)
    backend = _backend(walk)
    _allowed(walk, backend)
    _attacks(walk, backend)
    walk.say("What the log says of all this; a denial is recorded like everything else")
    walk.run("secmount audit log -o text")
    walk.run("secmount audit verify")
    return walk.steps


def _prepare(walk: _Walk) -> None:
    walk.say("A key pair, and a policy: what lies below ./models mounts if release signed it, without pickles")
    walk.run("secmount key generate release")
    walk.run("secmount policy init --key release.pub --match oci:models/** --exclude **/*.pkl")
    walk.run("cat policy/policy.toml")
    walk.say("A model is packed into an OCI layout (config, tokenizer as tar+gzip, weights, two pickles), and signed")
    sample.pack(f"{walk.folder}/models/bert", "v1")
    walk.run("secmount sign oci:models/bert:v1 --key release.key")


def _allowed(walk: _Walk, backend: str) -> None:
    walk.say("May it be mounted? This is the decision that mount takes")
    walk.run("secmount verify oci:models/bert:v1")
    walk.say("Mount it, look at it: the pickles are not there")
    walk.run(f"secmount mount oci:models/bert:v1 mnt{backend}")
    walk.run("find mnt -type f")
    if not backend:
        walk.run("findmnt -no FSTYPE,OPTIONS,SOURCE mnt")
    walk.run("secmount inspect mnt")
    walk.say("Are the bytes still what was approved? Then take it away")
    walk.run("secmount check mnt")
    walk.run("secmount unmount mnt")


def _attacks(walk: _Walk, backend: str) -> None:
    walk.say("1. Nobody signed it")
    sample.pack(f"{walk.folder}/models/unsigned", "v1", variant=1)
    walk.run(f"secmount mount oci:models/unsigned:v1 mnt{backend}", expect=10)
    walk.say("2. It is signed, then one byte of the weights is changed in the layout")
    tampered = sample.pack(f"{walk.folder}/models/tampered", "v1", variant=2)
    walk.run("secmount sign oci:models/tampered:v1 --key release.key -q")
    _flip_weights(f"{walk.folder}/models/tampered", tampered)
    walk.run(f"secmount mount oci:models/tampered:v1 mnt{backend}", expect=30)
    walk.say("3. The signature of the good model is copied to another one")
    copied = sample.pack(f"{walk.folder}/models/copied", "v1", variant=3)
    _copy_signature(f"{walk.folder}/models/bert", f"{walk.folder}/models/copied", copied)
    walk.run(f"secmount mount oci:models/copied:v1 mnt{backend}", expect=12)
    walk.say("4. Somebody else signed it")
    sample.pack(f"{walk.folder}/models/foreign", "v1", variant=4)
    walk.run("secmount key generate intruder -q")
    walk.run("secmount sign oci:models/foreign:v1 --key intruder.key -q")
    walk.run(f"secmount mount oci:models/foreign:v1 mnt{backend}", expect=12)


def _backend(walk: _Walk) -> str:
    """Give the option that makes mounts work here: none, or that of copying where nothing can be mounted."""
    with context.opened(replace(walk.settings, config=f"{walk.folder}/config.toml")) as application:
        try:
            choose.choose(None, application.parts.backends())
        except MountError as err:
            walk.say(f"Nothing can be mounted here ({err.got}): files are copied instead, with --backend copy")
            return " --backend copy"
    return ""


def _flip_weights(layout: str, model: Descriptor) -> None:
    with LayoutSource(layout) as source:
        document = manifest.parse(source.manifest(model), expected=None, subject=layout)
    if not isinstance(document, Manifest):
        raise TypeError("the sample is a manifest")
    weights = max(document.layers, key=lambda layer: layer.size).digest
    with open(f"{layout}/blobs/{weights.algorithm}/{weights.hex}", "r+b") as file:
        file.seek(4096)
        byte = file.read(1)[0]
        file.seek(4096)
        file.write(bytes([byte ^ 1]))


def _copy_signature(good: str, other: str, victim: Descriptor) -> None:
    """Attach the bundle of `good`'s signature to `victim` in `other`, as an attacker with write access would."""
    with LayoutSource(good) as source, LayoutWriter(other) as writer:
        subject = source.head("v1", None)
        referrer = manifest.parse(source.manifest(source.referrers(subject.digest)[0]), expected=None, subject=good)
        if not isinstance(referrer, Manifest):
            raise TypeError("a referrer of our own is a manifest")
        bundle = referrer.layers[0]
        writer.put(bundle, source.small(bundle, limit=bundle.size))
        writer.add_manifest([bundle], artifact_type=referrer.artifact_type, subject=victim)


def _write(path: str, text: str) -> None:
    with open(path, "x", encoding="utf-8") as file:
        file.write(text)
