"""Completions for bash, zsh and fish: verbs, flags, the words of a choice, and files where one is taken."""

FILES = ("FILE", "DIR", "FILE|-", "CONFIG", "SOCKET")


def takes_file(flag):
    return flag["kind"] == "string" and (flag["value"] or "").startswith(FILES)


def nodes(program):
    """(words after the program, verb) of every verb and group."""
    for verb in program.top.walk():
        yield verb.path[1:], verb


def identifier(program):
    return "_" + program.name.replace("-", "_")


def flag_names(verb):
    return [f"--{flag['name']}" for flag in verb.flags] + ["--help"] if verb.flags is not None else []


def key(words):
    return " ".join(words)


def bash_tables(program):
    """The case arms that bash and zsh share: the path so far, what it offers, what a flag takes."""
    steps, offers, values = [], [], []
    for words, verb in nodes(program):
        if words:
            steps.append(f'"{key(words)}"')
        offers.append(f'\t"{key(words)}") words="{" ".join([v.path[-1] for v in verb.verbs] + flag_names(verb))}" ;;')
        for flag in verb.flags or ():
            arm = f'\t"{key(words)} --{flag["name"]}")'
            if flag["words"]:
                values.append(f'{arm} words="{" ".join(flag["words"])}" ;;')
            elif takes_file(flag):
                values.append(f"{arm} files=yes words='' ;;")
            elif flag["kind"] != "boolean":
                values.append(f"{arm} words='' ;;")
    return "|".join(steps), "\n".join(offers), "\n".join(values)


def bash(program):
    steps, offers, values = bash_tables(program)
    return f"""\
# bash completion for {program.name}, made from its tables
{identifier(program)}() {{
	local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} path='' word words='' files=''
	for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
		case "${{path:+$path }}$word" in
		{steps}) path=${{path:+$path }}$word ;;
		esac
	done
	case $path in
{offers}
	esac
	case "$path $prev" in
{values}
	esac
	mapfile -t COMPREPLY < <(compgen ${{files:+-f}} -W "$words" -- "$cur")
}}
complete -o default -F {identifier(program)} {program.name}
"""


def zsh(program):
    steps, offers, values = bash_tables(program)
    return f"""\
#compdef {program.name}
# zsh completion for {program.name}, made from its tables
{identifier(program)}() {{
	local cur=$words[CURRENT] prev=$words[CURRENT-1] place= word files=
	local -a line=("${{(@)words[2,CURRENT-1]}}")
	local words=
	for word in $line; do
		case "${{place:+$place }}$word" in
		({steps}) place=${{place:+$place }}$word ;;
		esac
	done
	case $place in
{offers}
	esac
	case "$place $prev" in
{values}
	esac
	[[ -z $files ]] || _files
	[[ -z $words ]] || compadd -- ${{(s: :)words}}
}}
{identifier(program)} "$@"
"""


def quoted(words):
    return "'" + words.replace("\\", "\\\\").replace("'", "\\'") + "'"


def fish(program):
    name = identifier(program)
    steps = " ".join(quoted(key(words)) for words, _ in nodes(program) if words)
    lines = [f"# fish completion for {program.name}, made from its tables",
             f"function _{name}_at", "\tset -l place",
             "\tfor word in (commandline -opc)[2..-1]",
             f"\t\tcontains -- (string join -- ' ' $place $word) {steps}; and set -a place $word",
             "\tend", "\ttest \"$place\" = \"$argv\"", "end",
             f"complete -c {program.name} -f"]
    for words, verb in nodes(program):
        at = f"complete -c {program.name} -n {quoted(f'_{name}_at ' + key(words))}"
        lines += [f"{at} -a {verb_.path[-1]} -d {quoted(verb_.summary)}" for verb_ in verb.verbs]
        for flag in verb.flags or ():
            takes = f" -xa {quoted(' '.join(flag['words']))}" if flag["words"] else (
                " -rF" if takes_file(flag) else "" if flag["kind"] == "boolean" else " -x")
            lines.append(f"{at} -l {flag['name']}{takes} -d {quoted(flag['help'] or '')}")
    return "\n".join(lines) + "\n"
