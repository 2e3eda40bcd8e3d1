"""The script for fish 3."""

from __future__ import annotations

from collections.abc import Iterator

from tests.support.completions.tree import Command, Option, Value, every

_HEAD = """\
# fish completion for secmount; made from its commands. Install as
# /usr/share/fish/vendor_completions.d/secmount.fish, or: secmount completion fish | source

# Say whether the command so far begins with these words, options left out.
function __secmount_at
    set -l words (commandline -opc)
    set -l said
    for word in $words[2..-1]
        string match -q -- '-*' $word; or set -a said $word
    end
    test (count $said) -ge (count $argv); or return 1
    for at in (seq (count $argv))
        test "$said[$at]" = "$argv[$at]"; or return 1
    end
end

# Say whether it is exactly these words: the place of a command.
function __secmount_next
    set -l words (commandline -opc)
    set -l said
    for word in $words[2..-1]
        string match -q -- '-*' $word; or set -a said $word
    end
    test "$said" = "$argv"
end

# References: layouts by their path.
function __secmount_refs
    set -l current (commandline -ct)
    if set -l rest (string replace -r '^oci:' '' -- $current); and test "$rest" != "$current"
        __fish_complete_directories "$rest" | string replace -r '^' 'oci:'
    else if set -l rest (string replace -r '^oci-archive:' '' -- $current); and test "$rest" != "$current"
        __fish_complete_path "$rest" | string replace -r '^' 'oci-archive:'
    else
        printf 'oci:\\tlayout\\noci-archive:\\tarchive\\n'
    end
end

complete -c secmount -f
"""


def script(root: Command) -> str:
    """Write the script."""
    return _HEAD + "".join(f"{line}\n" for command in every(root) for line in _lines(command))


def _lines(command: Command) -> Iterator[str]:
    at = f"__secmount_at {' '.join(command.path)}" if command.path else "__secmount_next"
    if command.commands:
        here = f"__secmount_next {' '.join(command.path)}".rstrip()
        for one in command.commands:
            yield f"complete -c secmount -n {_quote(here)} -a {one.path[-1]} -d {_quote(one.says)}"
        at = here
    for option in command.options:
        yield f"complete -c secmount -n {_quote(at)} {_option(option)}"
    for kind in {row.value.kind: row.value for row in command.arguments}.values():
        offer = _offer(kind)
        if offer:
            yield f"complete -c secmount -n {_quote(at)} {offer}"


def _option(option: Option) -> str:
    names = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names)
    value = "" if option.value is None else f" -r {_offer(option.value) or '-f'}"
    return f"{names}{value} -d {_quote(option.says)}"


def _offer(value: Value) -> str:
    match value.kind:
        case "words":
            return f"-f -a {_quote(' '.join(value.words))}"
        case "file":
            return "-F"
        case "dir":
            return "-f -a '(__fish_complete_directories)'"
        case "ref":
            return "-f -a '(__secmount_refs)'"
        case "ref or dir":
            return "-f -a '(__secmount_refs; __fish_complete_directories)'"
        case _:
            return ""


def _quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
