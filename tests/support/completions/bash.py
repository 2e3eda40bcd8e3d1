"""The script for bash 4.4 and later; without bash-completion, too."""

from __future__ import annotations

from collections.abc import Iterator

from tests.support.completions.tree import Argument, Command, Option, Value, every

_HEAD = r"""# bash completion for secmount; made from its commands. Install as
# /usr/share/bash-completion/completions/secmount, or: source <(secmount completion bash)

_secmount_words() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur"); }

_secmount_paths() {
    mapfile -t COMPREPLY < <(compgen "$1" -- "$cur")
    compopt -o filenames 2>/dev/null
}

# A reference: `oci:` and `oci-archive:` are words of their own to bash, and a path follows their colon.
_secmount_ref() {
    local at=$((COMP_CWORD - 1))
    [[ $cur == : ]] && cur='' at=$COMP_CWORD
    if [[ ${COMP_WORDS[at]} == : ]]; then
        case ${COMP_WORDS[at - 1]} in
            oci) _secmount_paths -d ;;
            oci-archive) _secmount_paths -f ;;
        esac
        return
    fi
    _secmount_words "$1"
    [[ $1 ]] && compopt -o nospace 2>/dev/null
}

_secmount() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} path=secmount i word given=0 skip=0
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if ((skip)); then
            skip=0
            continue
        fi
        case "$path $word" in
"""
_TAIL = """\
    esac
}

complete -F _secmount secmount
"""


def script(root: Command) -> str:
    """Write the script."""
    return "".join(line + "\n" for line in _lines(root))


def _lines(root: Command) -> Iterator[str]:
    commands = list(every(root))
    yield from _HEAD.rstrip("\n").split("\n")
    for command in commands[1:]:
        yield f'            {_quoted(command)}) path+=" $word" given=0 ;;'
    yield from (
        "            *)",
        "                if [[ $word == -* ]]; then",
        '                    _secmount_takes "$path" "$word" && skip=1',
        "                    [[ $skip == 1 && ${COMP_WORDS[i + 1]-} == '=' ]] && ((i++))",
        "                elif [[ $word != : && ${COMP_WORDS[i - 1]} != : ]]; then",
        "                    ((given++))",
        "                fi",
        "                ;;",
        "        esac",
        "    done",
        "    [[ $cur == : || $prev == : ]] && ((given--)) # what stands before the colon is the same argument",
        "    if [[ $cur == '=' ]]; then",
        "        cur=''",
        "    elif [[ $prev == '=' ]]; then",
        "        prev=${COMP_WORDS[COMP_CWORD - 2]}",
        "    fi",
        "    case $path in",
    )
    for command in commands:
        yield f"        {_quoted(command)})"
        yield from (f"            {line}" for line in _place(command))
        yield "            ;;"
    yield from ("    esac", "}", "")
    yield from _takes(commands)


def _takes(commands: list[Command]) -> Iterator[str]:
    """Write the function that knows which options take a value."""
    yield from ("_secmount_takes() {", "    case $1 in")
    for command in commands:
        names = [name for option in command.options if option.value for name in option.names]
        if names:
            yield f"        {_quoted(command)}) [[ {_either(names)} ]] ;;"
    yield from ("        *) false ;;", *_TAIL.rstrip("\n").split("\n"))


def _either(names: list[str]) -> str:
    return f"' {' '.join(names)} ' == *\" $2 \"*"


def _place(command: Command) -> Iterator[str]:
    valued = [option for option in command.options if option.value]
    if valued:
        yield "case $prev in"
        for value, names in _grouped(valued).items():
            yield f"    {'|'.join(names)}) {_offer(value)}; return ;;"
        yield "esac"
    yield "if [[ $cur == -* ]]; then"
    yield f"    _secmount_words '{' '.join(name for option in command.options for name in option.names)}'"
    if command.commands:
        yield "elif ((given == 0)); then"
        yield f"    _secmount_words '{' '.join(one.path[-1] for one in command.commands)}'"
    for at, argument in enumerate(command.arguments):
        yield f"elif ((given {'>=' if argument.many else '=='} {at})); then"
        yield f"    {_argument(argument)}"
    yield "fi"


def _grouped(options: list[Option]) -> dict[Value, list[str]]:
    """Put options together that take the same."""
    found: dict[Value, list[str]] = {}
    for option in options:
        assert option.value is not None
        kind = Value(option.value.kind, "", option.value.words)
        found.setdefault(kind, []).extend(option.names)
    return found


def _argument(argument: Argument) -> str:
    return _offer(argument.value)


def _offer(value: Value) -> str:
    match value.kind:
        case "words":
            return f"_secmount_words '{' '.join(value.words)}'"
        case "file":
            return "_secmount_paths -f"
        case "dir":
            return "_secmount_paths -d"
        case "ref":
            return "_secmount_ref 'oci: oci-archive:'"
        case "ref or dir":
            return "_secmount_ref 'oci: oci-archive:'; ((${#COMPREPLY[@]})) || _secmount_paths -d"
        case _:
            return ":"


def _quoted(command: Command) -> str:
    return f"'{' '.join(('secmount', *command.path))}'"
