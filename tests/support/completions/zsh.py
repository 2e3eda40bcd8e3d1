"""The script for zsh 5: one function a command, with what each option says."""

from __future__ import annotations

from collections.abc import Iterator

from tests.support.completions.tree import Command, Option, Value, every

_HEAD = r"""#compdef secmount
# zsh completion for secmount; made from its commands. Install as _secmount in a folder of $fpath, or:
# source <(secmount completion zsh)

_secmount_ref() {
    if compset -P 'oci:'; then
        _files -/
    elif compset -P 'oci-archive:'; then
        _files
    else
        local -a schemes=('oci' 'oci-archive')
        compadd -S ':' -a schemes
    fi
}

_secmount_ref_or_dir() {
    _alternative 'references:reference:_secmount_ref' 'folders:folder:_files -/'
}
"""
_TAIL = """
if [[ $funcstack[1] == _secmount ]]; then
    _secmount "$@"
else
    compdef _secmount secmount
fi
"""


def script(root: Command) -> str:
    """Write the script."""
    lines = [*_HEAD.rstrip("\n").split("\n")]
    for command in every(root):
        lines += ["", f"{_name(command)}() {{", *(f"    {line}" for line in _body(command)), "}"]
    return "\n".join(lines) + "\n" + _TAIL


def _body(command: Command) -> Iterator[str]:
    specs = [spec for option in command.options for spec in _option(option)]
    if not command.commands:
        specs += [_argument(at, row.value, many=row.many) for at, row in enumerate(command.arguments, 1)]
        yield from _arguments("-s -S", specs)
        return
    yield "local line state state_descr context"
    yield "local -A opt_args"
    yield "local -a commands=("
    yield from (f"    {_quote(f'{one.path[-1]}:{one.says}')}" for one in command.commands)
    yield ")"
    yield from _arguments("-C", [*specs, _quote("1: :->command"), _quote("*:: :->rest")])
    yield "case $state in"
    yield "    command) _describe -t commands 'command' commands ;;"
    yield "    rest)"
    yield "        case $line[1] in"
    yield from (f"            {one.path[-1]}) {_name(one)} ;;" for one in command.commands)
    yield from ("        esac", "        ;;", "esac")


def _arguments(flags: str, specs: list[str]) -> Iterator[str]:
    yield f"_arguments {flags} \\"
    yield from (f"    {spec} \\" for spec in specs[:-1])
    yield f"    {specs[-1]}"


def _option(option: Option) -> Iterator[str]:
    says = option.says.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")
    others = f"({' '.join(option.names)})" if len(option.names) > 1 else ""
    for name in option.names:
        if option.value is None:
            yield _quote(f"{others}{name}[{says}]")
        else:
            mark = "=" if name.startswith("--") else "+"
            yield _quote(f"{others}{name}{mark}[{says}]:{_plain(option.value.metavar)}:{_action(option.value)}")


def _argument(at: int, value: Value, *, many: bool) -> str:
    return _quote(f"{'*' if many else at}:{_plain(value.metavar)}:{_action(value)}")


def _plain(text: str) -> str:
    return text.replace(":", "\\:")


def _action(value: Value) -> str:
    match value.kind:
        case "words":
            return f"({' '.join(value.words)})"
        case "file":
            return "_files"
        case "dir":
            return "_files -/"
        case "ref":
            return "_secmount_ref"
        case "ref or dir":
            return "_secmount_ref_or_dir"
        case _:
            return " "


def _name(command: Command) -> str:
    return "_".join(("_secmount", *(word.replace("-", "_") for word in command.path)))


def _quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
