# bash completion for secmount; made from its commands. Install as
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
            'secmount resolve') path+=" $word" given=0 ;;
            'secmount verify') path+=" $word" given=0 ;;
            'secmount pull') path+=" $word" given=0 ;;
            'secmount mount') path+=" $word" given=0 ;;
            'secmount unmount') path+=" $word" given=0 ;;
            'secmount demo') path+=" $word" given=0 ;;
            'secmount ls') path+=" $word" given=0 ;;
            'secmount inspect') path+=" $word" given=0 ;;
            'secmount discover') path+=" $word" given=0 ;;
            'secmount check') path+=" $word" given=0 ;;
            'secmount sign') path+=" $word" given=0 ;;
            'secmount login') path+=" $word" given=0 ;;
            'secmount logout') path+=" $word" given=0 ;;
            'secmount version') path+=" $word" given=0 ;;
            'secmount explain') path+=" $word" given=0 ;;
            'secmount completion') path+=" $word" given=0 ;;
            'secmount doctor') path+=" $word" given=0 ;;
            'secmount push') path+=" $word" given=0 ;;
            'secmount audit') path+=" $word" given=0 ;;
            'secmount audit log') path+=" $word" given=0 ;;
            'secmount audit show') path+=" $word" given=0 ;;
            'secmount audit stats') path+=" $word" given=0 ;;
            'secmount audit verify') path+=" $word" given=0 ;;
            'secmount audit prove') path+=" $word" given=0 ;;
            'secmount audit replay') path+=" $word" given=0 ;;
            'secmount audit export') path+=" $word" given=0 ;;
            'secmount audit report') path+=" $word" given=0 ;;
            'secmount key') path+=" $word" given=0 ;;
            'secmount key generate') path+=" $word" given=0 ;;
            'secmount policy') path+=" $word" given=0 ;;
            'secmount policy init') path+=" $word" given=0 ;;
            'secmount policy check') path+=" $word" given=0 ;;
            'secmount config') path+=" $word" given=0 ;;
            'secmount config show') path+=" $word" given=0 ;;
            'secmount config check') path+=" $word" given=0 ;;
            'secmount config schema') path+=" $word" given=0 ;;
            'secmount trust') path+=" $word" given=0 ;;
            'secmount trust show') path+=" $word" given=0 ;;
            'secmount trust update') path+=" $word" given=0 ;;
            *)
                if [[ $word == -* ]]; then
                    _secmount_takes "$path" "$word" && skip=1
                    [[ $skip == 1 && ${COMP_WORDS[i + 1]-} == '=' ]] && ((i++))
                elif [[ $word != : && ${COMP_WORDS[i - 1]} != : ]]; then
                    ((given++))
                fi
                ;;
        esac
    done
    [[ $cur == : || $prev == : ]] && ((given--)) # what stands before the colon is the same argument
    if [[ $cur == '=' ]]; then
        cur=''
    elif [[ $prev == '=' ]]; then
        prev=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    case $path in
        'secmount')
            if [[ $cur == -* ]]; then
                _secmount_words '-h --help --version'
            elif ((given == 0)); then
                _secmount_words 'resolve verify pull mount unmount demo ls inspect discover check sign login logout version explain completion doctor push audit key policy config trust'
            fi
            ;;
        'secmount resolve')
            case $prev in
                --platform|--timeout) :; return ;;
                --pull) _secmount_words 'always missing never'; return ;;
                --config|--authfile|--ca-file) _secmount_paths -f; return ;;
                --policy|--store) _secmount_paths -d; return ;;
                -o|--output) _secmount_words 'text json'; return ;;
                --color) _secmount_words 'auto always never'; return ;;
            esac
            if [[ $cur == -* ]]; then
                _secmount_words '--platform --pull --config --policy --store -o --output -q --quiet -v --verbose --color --offline --authfile --ca-file --plain-http --timeout -h --help'
            elif ((given == 0)); then
                _secmount_ref 'oci: oci-archive:'
            fi
            ;;
        'secmount verify')
            case $prev in
                --as|--platform|--timeout) :; return ;;
                --pull) _secmount_words 'always missing never'; return ;;
                --config|--authfile|--ca-file) _secmount_paths -f; return ;;
                --policy|--store) _secmount_paths -d; return ;;
                -o|--output) _secmount_words 'text json'; return ;;
                --color) _secmount_words 'auto always never'; return ;;
            esac
            if [[ $cur == -* ]]; then
                _secmount_words '--as --platform --pull --config --policy --store -o --output -q --quiet -v --verbose --color --offline --authfile --ca-file --plain-http --timeout -h --help'
            elif ((given == 0)); then
                _secmount_ref 'oci: oci-archive:'
            fi
            ;;
        'secmount pull')
            case $prev in
                --as|--platform|--timeout) :; return ;;
                --pull) _secmount_words 'always missing never'; return ;;
                --config|--authfile|--ca-file) _secmount_paths -f; return ;;
                --policy|--store) _secmount_paths -d; return ;;
                -o|--output) _secmount_words 'text json'; return ;;
                --color) _secmount_words 'auto always never'; return ;;
            esac
            if [[ $cur == -* ]]; then
                _secmount_words '--as --platform --pull --config --policy --store -o --output -q --quiet -v --verbose --color --offline --authfile --ca-file --plain-http --timeout -h --help'
            elif ((given == 0)); then
                _secmount_ref 'oci: oci-archive:'
            fi
            ;;
        'secmount mount')
            case $prev in
                --as|--platform|--subpath|--include|--exclude|--uid|--gid|--timeout) :; return ;;
                --pull) _secmount_words 'always missing never'; return ;;
                --backend) _secmount_words 'erofs copy'; return ;;
                --on-conflict) _secmount_words 'last-wins error'; return ;;
                --config|--authfile|--ca-file) _secmount_paths -f; return ;;
                --policy|--store) _secmount_paths -d; return ;;
                -o|--output) _secmount_words 'text json'; return ;;
                --color) _secmount_words 'auto always never'; return ;;
            esac
            if [[ $cur == -* ]]; then
                _secmount_words '--as --platform --pull --backend --exec --subpath --include --exclude --portable --on-conflict --uid --gid --config --policy --store -o --output -q --quiet -v --verbose --color --offline --authfile --ca-file --plain-http --timeout -h --help'
            elif ((given == 0)); then
                _secmount_ref 'oci: oci-archive:'
            elif ((given == 1)); then
                _secmount_paths -d
            fi
            ;;
        'secmount unmount')
            case $prev in
                --config) _secmount_paths -f; return ;;
                --policy|--store) _secmount_paths -d; return ;;
                -o|--output) _secmount_words 'text json'; return ;;
                --color) _secmount_words 'auto always never'; return ;;
            esac
            if [[ $cur == -* ]]; then
                _secmount_words '--lazy --config --policy --store -o --output -q --quiet -v --verbose --color -h --help'
            elif ((given == 0)); then
                _secmount_paths -d
            fi
            ;;
        'secmount demo')
            case $prev in
                --config) _secmount_paths -f; return ;;
                --policy|--store) _secmount_paths -d; return ;;
                -o|--output) _secmount_words 'text json'; return ;;
                --color) _secmount_words 'auto always never'; return ;;
            esac
            if [[ $cur == -* ]]; then
                _secmount_words '--keep --config --policy --store -o --output -q --quiet -v --verbose --color -h --help'
            fi
            ;;
        'secmount ls')
            case $prev in
                --config) _secmount_paths -f; return ;;
                --policy|--store) _secmount_paths -d; return ;;
                -o|--output) _secmount_words 'text json'; return ;;
                --color) _secmount_words 'auto always never'; return ;;
            esac
            if [[ $cur == -* ]]; then
                _secmount_words '--config --policy --store -o --output -q --quiet -v --verbose --color -h --help'
            fi
            ;;
        'secmount inspect')
            case $prev in
                --as|--platform|--timeout) :; return ;;
                --config|--authfile|--ca-file) _secmount_paths -f; return ;;
                --policy|--store) _secmount_paths -d; return ;;
                -o|--output) _secmount_words 'text json'; return ;;
                --color) _secmount_words 'auto always never'; return ;;
            esac
            if [[ $cur == -* ]]; then
                _secmount_words '--as --platform --tree --config --policy --store -o --output -q --quiet -v --verbose --color --offline --authfile --ca-file --plain-http --timeout -h --help'
            elif ((given == 0)); then
                _secmount_ref 'oci: oci-archive:'; ((${#COMPREPLY[@]})) || _secmount_paths -d
            fi
            ;;
        'secmount discover')
            case $prev in
                --platform|--timeout) :; return ;;
                --config|--authfile|--ca-file) _secmount_paths -f; return ;;
                --policy|--store) _secmount_paths -d; return ;;
                -o|--output) _secmount_words 'text json'; return ;;
                --color) _secmount_words 'auto always never'; return ;;
            esac
            if [[ $cur == -* ]]; then
                _secmount_words '--platform --config --policy --store -o --output -q --quiet -v --verbose --color --offline --authfile --ca-file --plain-http --timeout -h --help'
            elif ((given == 0)); then
                _secmount_ref 'oci: oci-archive:'
            fi
            ;;
        'secmount check')
            case $prev in
                --config) _secmount_paths -f; return ;;
                --policy|--store) _secmount_paths -d; return ;;
                -o|--output) _secmount_words 'text json'; return ;;
                --color) _secmount_words 'auto always never'; return ;;
            esac
            if [[ $cur == -* ]]; then
                _secmount_words '--config --policy --store -o --output -q --quiet -v --verbose --color -h --help'
            elif ((given == 0)); then
                _secmount_paths -d
            fi
            ;;
        'secmount sign')
            case $prev in
                --key|--config|--authfile|--ca-file) _secmount_paths -f; return ;;
                --as|--annotation|-a|--timeout) :; return ;;
                --format) _secmount_words 'bundle legacy'; return ;;
                --policy|--store) _secmount_paths -d; return ;;
                -o|--output) _secmount_words 'text json'; return ;;
                --color) _secmount_words 'auto always never'; return ;;
            esac
            if [[ $cur == -* ]]; then
                _secmount_words '--key --as --annotation -a --format --config --policy --store -o --output -q --quiet -v --verbose --color --offline --authfile --ca-file --plain-http --timeout -h --help'
            elif ((given == 0)); then
                _secmount_ref 'oci: oci-archive:'
            fi
            ;;
        'secmount login')
            case $prev in
                -u|--username|--timeout) :; return ;;
                --config|--authfile|--ca-file) _secmount_paths -f; return ;;
                --policy|--store) _secmount_paths -d; return ;;
                -o|--output) _secmount_words 'text json'; return ;;
                --color) _secmount_words 'auto always never'; return ;;
            esac
            if [[ $cur == -* ]]; then
                _secmount_words '-u --username --password-stdin --get-login --config --policy --store -o --output -q --quiet -v --verbose --color --offline --authfile --ca-file --plain-http --timeout -h --help'
            elif ((given == 0)); then
                :
            fi
            ;;
        'secmount logout')
            case $prev in
                --config|--authfile|--ca-file) _secmount_paths -f; return ;;
                --policy|--store) _secmount_paths -d; return ;;
                -o|--output) _secmount_words 'text json'; return ;;
                --color) _secmount_words 'auto always never'; return ;;
                --timeout) :; return ;;
            esac
            if [[ $cur == -* ]]; then
                _secmount_words '--all --config --policy --store -o --output -q --quiet -v --verbose --color --offline --authfile --ca-file --plain-http --timeout -h --help'
            elif ((given == 0)); then
                :
            fi
            ;;
        'secmount version')
            case $prev in
                --config) _secmount_paths -f; return ;;
                --policy|--store) _secmount_paths -d; return ;;
                -o|--output) _secmount_words 'text json'; return ;;
                --color) _secmount_words 'auto always never'; return ;;
            esac
            if [[ $cur == -* ]]; then
                _secmount_words '--config --policy --store -o --output -q --quiet -v --verbose --color -h --help'
            fi
            ;;
        'secmount explain')
            case $prev in
                --config) _secmount_paths -f; return ;;
                --policy|--store) _secmount_paths -d; return ;;
                -o|--output) _secmount_words 'text json'; return ;;
                --color) _secmount_words 'auto always never'; return ;;
            esac
            if [[ $cur == -* ]]; then
                _secmount_words '--config --policy --store -o --output -q --quiet -v --verbose --color -h --help'
            elif ((given == 0)); then
                :
            fi
            ;;
        'secmount completion')
            case $prev in
                --config) _secmount_paths -f; return ;;
                --policy|--store) _secmount_paths -d; return ;;
                -o|--output) _secmount_words 'text json'; return ;;
                --color) _secmount_words 'auto always never'; return ;;
            esac
            if [[ $cur == -* ]]; then
                _secmount_words '--config --policy --store -o --output -q --quiet -v --verbose --color -h --help'
            elif ((given == 0)); then
                _secmount_words 'bash zsh fish'
            fi
            ;;
        'secmount doctor')
            case $prev in
                --config|--authfile|--ca-file) _secmount_paths -f; return ;;
                --policy|--store) _secmount_paths -d; return ;;
                -o|--output) _secmount_words 'text json'; return ;;
                --color) _secmount_words 'auto always never'; return ;;
                --timeout) :; return ;;
            esac
            if [[ $cur == -* ]]; then
                _secmount_words '--config --policy --store -o --output -q --quiet -v --verbose --color --offline --authfile --ca-file --plain-http --timeout -h --help'
            fi
            ;;
        'secmount push')
            case $prev in
                --artifact-type|--annotation|-a|--artifact-config|--chunk-size|--timeout) :; return ;;
                --format) _secmount_words 'plain modelpack'; return ;;
                --config|--authfile|--ca-file) _secmount_paths -f; return ;;
                --policy|--store) _secmount_paths -d; return ;;
                -o|--output) _secmount_words 'text json'; return ;;
                --color) _secmount_words 'auto always never'; return ;;
            esac
            if [[ $cur == -* ]]; then
                _secmount_words '--artifact-type --annotation -a --artifact-config --format --keep-times --chunk-size --config --policy --store -o --output -q --quiet -v --verbose --color --offline --authfile --ca-file --plain-http --timeout -h --help'
            elif ((given == 0)); then
                _secmount_ref 'oci: oci-archive:'
            elif ((given >= 1)); then
                _secmount_paths -f
            fi
            ;;
        'secmount audit')
            if [[ $cur == -* ]]; then
                _secmount_words '-h --help'
            elif ((given == 0)); then
                _secmount_words 'log show stats verify prove replay export report'
            fi
            ;;
        'secmount audit log')
            case $prev in
                --since|--until|--kind|--verdict|--digest|--reference|--signer|--revision|--namespace|--user|--code) :; return ;;
                --config) _secmount_paths -f; return ;;
                --policy|--store) _secmount_paths -d; return ;;
                -o|--output) _secmount_words 'text json'; return ;;
                --color) _secmount_words 'auto always never'; return ;;
            esac
            if [[ $cur == -* ]]; then
                _secmount_words '--since --until --kind --verdict --digest --reference --signer --revision --namespace --user --code --follow -f --config --policy --store -o --output -q --quiet -v --verbose --color -h --help'
            fi
            ;;
        'secmount audit show')
            case $prev in
                --config) _secmount_paths -f; return ;;
                --policy|--store) _secmount_paths -d; return ;;
                -o|--output) _secmount_words 'text json'; return ;;
                --color) _secmount_words 'auto always never'; return ;;
            esac
            if [[ $cur == -* ]]; then
                _secmount_words '--config --policy --store -o --output -q --quiet -v --verbose --color -h --help'
            elif ((given == 0)); then
                :
            fi
            ;;
        'secmount audit stats')
            case $prev in
                --since|--until) :; return ;;
                --config) _secmount_paths -f; return ;;
                --policy|--store) _secmount_paths -d; return ;;
                -o|--output) _secmount_words 'text json'; return ;;
                --color) _secmount_words 'auto always never'; return ;;
            esac
            if [[ $cur == -* ]]; then
                _secmount_words '--since --until --config --policy --store -o --output -q --quiet -v --verbose --color -h --help'
            fi
            ;;
        'secmount audit verify')
            case $prev in
                --checkpoint|--proof|--key|--config) _secmount_paths -f; return ;;
                --policy|--store) _secmount_paths -d; return ;;
                -o|--output) _secmount_words 'text json'; return ;;
                --color) _secmount_words 'auto always never'; return ;;
            esac
            if [[ $cur == -* ]]; then
                _secmount_words '--checkpoint --full --proof --key --config --policy --store -o --output -q --quiet -v --verbose --color -h --help'
            fi
            ;;
        'secmount audit prove')
            case $prev in
                --output-file|--config) _secmount_paths -f; return ;;
                --policy|--store) _secmount_paths -d; return ;;
                -o|--output) _secmount_words 'text json'; return ;;
                --color) _secmount_words 'auto always never'; return ;;
            esac
            if [[ $cur == -* ]]; then
                _secmount_words '--output-file --config --policy --store -o --output -q --quiet -v --verbose --color -h --help'
            elif ((given == 0)); then
                :
            fi
            ;;
        'secmount audit replay')
            case $prev in
                --since) :; return ;;
                --against|--policy|--store) _secmount_paths -d; return ;;
                --config) _secmount_paths -f; return ;;
                -o|--output) _secmount_words 'text json'; return ;;
                --color) _secmount_words 'auto always never'; return ;;
            esac
            if [[ $cur == -* ]]; then
                _secmount_words '--all --since --against --config --policy --store -o --output -q --quiet -v --verbose --color -h --help'
            elif ((given == 0)); then
                :
            fi
            ;;
        'secmount audit export')
            case $prev in
                --format) _secmount_words 'opa vsa'; return ;;
                --key|--config) _secmount_paths -f; return ;;
                --since) :; return ;;
                --policy|--store) _secmount_paths -d; return ;;
                -o|--output) _secmount_words 'text json'; return ;;
                --color) _secmount_words 'auto always never'; return ;;
            esac
            if [[ $cur == -* ]]; then
                _secmount_words '--format --key --since --config --policy --store -o --output -q --quiet -v --verbose --color -h --help'
            elif ((given == 0)); then
                :
            fi
            ;;
        'secmount audit report')
            case $prev in
                --since|--until) :; return ;;
                --html|--config) _secmount_paths -f; return ;;
                --policy|--store) _secmount_paths -d; return ;;
                -o|--output) _secmount_words 'text json'; return ;;
                --color) _secmount_words 'auto always never'; return ;;
            esac
            if [[ $cur == -* ]]; then
                _secmount_words '--since --until --html --config --policy --store -o --output -q --quiet -v --verbose --color -h --help'
            fi
            ;;
        'secmount key')
            if [[ $cur == -* ]]; then
                _secmount_words '-h --help'
            elif ((given == 0)); then
                _secmount_words 'generate'
            fi
            ;;
        'secmount key generate')
            case $prev in
                --algorithm) :; return ;;
                --config) _secmount_paths -f; return ;;
                --policy|--store) _secmount_paths -d; return ;;
                -o|--output) _secmount_words 'text json'; return ;;
                --color) _secmount_words 'auto always never'; return ;;
            esac
            if [[ $cur == -* ]]; then
                _secmount_words '--encrypt --algorithm --config --policy --store -o --output -q --quiet -v --verbose --color -h --help'
            elif ((given == 0)); then
                :
            fi
            ;;
        'secmount policy')
            if [[ $cur == -* ]]; then
                _secmount_words '-h --help'
            elif ((given == 0)); then
                _secmount_words 'init check'
            fi
            ;;
        'secmount policy init')
            case $prev in
                --key|--trusted-root|--config|--authfile|--ca-file) _secmount_paths -f; return ;;
                --match|--exclude|--timeout) :; return ;;
                --from) _secmount_ref 'oci: oci-archive:'; return ;;
                --policy|--store) _secmount_paths -d; return ;;
                -o|--output) _secmount_words 'text json'; return ;;
                --color) _secmount_words 'auto always never'; return ;;
            esac
            if [[ $cur == -* ]]; then
                _secmount_words '--key --match --from --trusted-root --exclude --yes --config --policy --store -o --output -q --quiet -v --verbose --color --offline --authfile --ca-file --plain-http --timeout -h --help'
            fi
            ;;
        'secmount policy check')
            case $prev in
                --config) _secmount_paths -f; return ;;
                --policy|--store) _secmount_paths -d; return ;;
                -o|--output) _secmount_words 'text json'; return ;;
                --color) _secmount_words 'auto always never'; return ;;
            esac
            if [[ $cur == -* ]]; then
                _secmount_words '--config --policy --store -o --output -q --quiet -v --verbose --color -h --help'
            fi
            ;;
        'secmount config')
            if [[ $cur == -* ]]; then
                _secmount_words '-h --help'
            elif ((given == 0)); then
                _secmount_words 'show check schema'
            fi
            ;;
        'secmount config show')
            case $prev in
                --config) _secmount_paths -f; return ;;
                --policy|--store) _secmount_paths -d; return ;;
                -o|--output) _secmount_words 'text json'; return ;;
                --color) _secmount_words 'auto always never'; return ;;
            esac
            if [[ $cur == -* ]]; then
                _secmount_words '--origin --config --policy --store -o --output -q --quiet -v --verbose --color -h --help'
            fi
            ;;
        'secmount config check')
            case $prev in
                --config) _secmount_paths -f; return ;;
                --policy|--store) _secmount_paths -d; return ;;
                -o|--output) _secmount_words 'text json'; return ;;
                --color) _secmount_words 'auto always never'; return ;;
            esac
            if [[ $cur == -* ]]; then
                _secmount_words '--config --policy --store -o --output -q --quiet -v --verbose --color -h --help'
            elif ((given == 0)); then
                _secmount_paths -f
            fi
            ;;
        'secmount config schema')
            case $prev in
                --config) _secmount_paths -f; return ;;
                --policy|--store) _secmount_paths -d; return ;;
                -o|--output) _secmount_words 'text json'; return ;;
                --color) _secmount_words 'auto always never'; return ;;
            esac
            if [[ $cur == -* ]]; then
                _secmount_words '--config --policy --store -o --output -q --quiet -v --verbose --color -h --help'
            fi
            ;;
        'secmount trust')
            if [[ $cur == -* ]]; then
                _secmount_words '-h --help'
            elif ((given == 0)); then
                _secmount_words 'show update'
            fi
            ;;
        'secmount trust show')
            case $prev in
                --config) _secmount_paths -f; return ;;
                --policy|--store) _secmount_paths -d; return ;;
                -o|--output) _secmount_words 'text json'; return ;;
                --color) _secmount_words 'auto always never'; return ;;
            esac
            if [[ $cur == -* ]]; then
                _secmount_words '--config --policy --store -o --output -q --quiet -v --verbose --color -h --help'
            fi
            ;;
        'secmount trust update')
            case $prev in
                --url|--timeout) :; return ;;
                --bootstrap|--config|--authfile|--ca-file) _secmount_paths -f; return ;;
                --policy|--store) _secmount_paths -d; return ;;
                -o|--output) _secmount_words 'text json'; return ;;
                --color) _secmount_words 'auto always never'; return ;;
            esac
            if [[ $cur == -* ]]; then
                _secmount_words '--url --bootstrap --config --policy --store -o --output -q --quiet -v --verbose --color --offline --authfile --ca-file --plain-http --timeout -h --help'
            fi
            ;;
    esac
}

_secmount_takes() {
    case $1 in
        'secmount resolve') [[ ' --platform --pull --config --policy --store -o --output --color --authfile --ca-file --timeout ' == *" $2 "* ]] ;;
        'secmount verify') [[ ' --as --platform --pull --config --policy --store -o --output --color --authfile --ca-file --timeout ' == *" $2 "* ]] ;;
        'secmount pull') [[ ' --as --platform --pull --config --policy --store -o --output --color --authfile --ca-file --timeout ' == *" $2 "* ]] ;;
        'secmount mount') [[ ' --as --platform --pull --backend --subpath --include --exclude --on-conflict --uid --gid --config --policy --store -o --output --color --authfile --ca-file --timeout ' == *" $2 "* ]] ;;
        'secmount unmount') [[ ' --config --policy --store -o --output --color ' == *" $2 "* ]] ;;
        'secmount demo') [[ ' --config --policy --store -o --output --color ' == *" $2 "* ]] ;;
        'secmount ls') [[ ' --config --policy --store -o --output --color ' == *" $2 "* ]] ;;
        'secmount inspect') [[ ' --as --platform --config --policy --store -o --output --color --authfile --ca-file --timeout ' == *" $2 "* ]] ;;
        'secmount discover') [[ ' --platform --config --policy --store -o --output --color --authfile --ca-file --timeout ' == *" $2 "* ]] ;;
        'secmount check') [[ ' --config --policy --store -o --output --color ' == *" $2 "* ]] ;;
        'secmount sign') [[ ' --key --as --annotation -a --format --config --policy --store -o --output --color --authfile --ca-file --timeout ' == *" $2 "* ]] ;;
        'secmount login') [[ ' -u --username --config --policy --store -o --output --color --authfile --ca-file --timeout ' == *" $2 "* ]] ;;
        'secmount logout') [[ ' --config --policy --store -o --output --color --authfile --ca-file --timeout ' == *" $2 "* ]] ;;
        'secmount version') [[ ' --config --policy --store -o --output --color ' == *" $2 "* ]] ;;
        'secmount explain') [[ ' --config --policy --store -o --output --color ' == *" $2 "* ]] ;;
        'secmount completion') [[ ' --config --policy --store -o --output --color ' == *" $2 "* ]] ;;
        'secmount doctor') [[ ' --config --policy --store -o --output --color --authfile --ca-file --timeout ' == *" $2 "* ]] ;;
        'secmount push') [[ ' --artifact-type --annotation -a --artifact-config --format --chunk-size --config --policy --store -o --output --color --authfile --ca-file --timeout ' == *" $2 "* ]] ;;
        'secmount audit log') [[ ' --since --until --kind --verdict --digest --reference --signer --revision --namespace --user --code --config --policy --store -o --output --color ' == *" $2 "* ]] ;;
        'secmount audit show') [[ ' --config --policy --store -o --output --color ' == *" $2 "* ]] ;;
        'secmount audit stats') [[ ' --since --until --config --policy --store -o --output --color ' == *" $2 "* ]] ;;
        'secmount audit verify') [[ ' --checkpoint --proof --key --config --policy --store -o --output --color ' == *" $2 "* ]] ;;
        'secmount audit prove') [[ ' --output-file --config --policy --store -o --output --color ' == *" $2 "* ]] ;;
        'secmount audit replay') [[ ' --since --against --config --policy --store -o --output --color ' == *" $2 "* ]] ;;
        'secmount audit export') [[ ' --format --key --since --config --policy --store -o --output --color ' == *" $2 "* ]] ;;
        'secmount audit report') [[ ' --since --until --html --config --policy --store -o --output --color ' == *" $2 "* ]] ;;
        'secmount key generate') [[ ' --algorithm --config --policy --store -o --output --color ' == *" $2 "* ]] ;;
        'secmount policy init') [[ ' --key --match --from --trusted-root --exclude --config --policy --store -o --output --color --authfile --ca-file --timeout ' == *" $2 "* ]] ;;
        'secmount policy check') [[ ' --config --policy --store -o --output --color ' == *" $2 "* ]] ;;
        'secmount config show') [[ ' --config --policy --store -o --output --color ' == *" $2 "* ]] ;;
        'secmount config check') [[ ' --config --policy --store -o --output --color ' == *" $2 "* ]] ;;
        'secmount config schema') [[ ' --config --policy --store -o --output --color ' == *" $2 "* ]] ;;
        'secmount trust show') [[ ' --config --policy --store -o --output --color ' == *" $2 "* ]] ;;
        'secmount trust update') [[ ' --url --bootstrap --config --policy --store -o --output --color --authfile --ca-file --timeout ' == *" $2 "* ]] ;;
        *) false ;;
    esac
}

complete -F _secmount secmount
