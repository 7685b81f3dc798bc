"""Manual pages in man(7)."""
import re

EXITS = (("0", "It did what was asked."), ("1", "Something ran and failed, or a check found something."),
         ("2", "The command line or the configuration is wrong."),
         ("3", "Refused: a token, a lock, or a condition that is not met."),
         ("4", "A person must repair or replace something."),
         ("5", "Not everything could be inspected or recorded."))
ABOUT = {
    "shithubd-runner": ("claims CI jobs and runs their steps in locked-down containers",
                        "Takes jobs from a coordinator and runs each step in a container of its own.",
                        "/etc/shithubd-runner/config.toml"),
    "shithubd": ("the coordinator: repositories, workflow files, job queue and logs",
                 "Serves git over HTTP, reads workflow files, queues jobs for runners, keeps logs and shows pages.",
                 "/etc/shithubd/config.toml"),
}


def text(words):
    """Escaped for man(7)."""
    escaped = words.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    escaped = escaped.replace("…", "...").replace("~", "\\(ti").replace("^", "\\(ha")
    escaped = re.sub(r"([,|/])(?=\S)", r"\1\\:", escaped)  # a long list may break there
    return "\n".join("\\&" + line if line.startswith(".") else line for line in escaped.splitlines())


def paragraphs(words):
    """Wrapped text becomes paragraphs; what is indented stays as it is."""
    lines, verbatim = [], False
    for line in words.splitlines():
        if line.startswith(" ") != verbatim:
            lines.append(".fi\n.PP" if verbatim else ".PP\n.nf")
            verbatim = not verbatim
        lines.append(text(line) if line.strip() else ".PP")
    if verbatim:
        lines.append(".fi")
    return "\n".join(lines)


def head(name, section, program, summary):
    return (f'.TH "{name.upper()}" "{section}" "" "{program.name} {program.version}" "shithub Actions"\n'
            f".nh\n.ad l\n.SH NAME\n{text(name)} \\- {text(summary)}\n")


def flag_rows(flags):
    for flag in flags:
        value = flag["value"] or "|".join(flag["words"]) or "VALUE"
        value = "" if flag["kind"] == "boolean" else f" \\fI{text(value)}\\fR"
        notes = [word for word, yes in (("required", flag["required"]),
                                        ("may be repeated", flag["repeatable"]),
                                        ("also as an argument", flag["positional"])) if yes]
        note = f" ({', '.join(notes)})" if notes else ""
        yield f".TP\n\\fB{text('--' + flag['name'])}\\fR{value}\n{text((flag['help'] or '') + note)}\n"
    yield ".TP\n\\fB\\-\\-help\\fR\nShow a short help.\n"


def verb_list(verbs):
    """All verbs below, each with its page."""
    for verb in verbs:
        if verb.flags is not None:
            yield f".TP\n\\fB{text(verb.page)}\\fR(1)\n{text(verb.summary)}\n"
        yield from verb_list(verb.verbs)


def see_also(program, verb):
    others = [f"{program.name}(1)" if len(verb.path) > 1 else None, f"{program.name}.toml(5)"]
    return ".SH SEE ALSO\n" + ", ".join(f"\\fB{text(one)}\\fR" for one in others if one) + "\n"


def exit_status():
    return ".SH EXIT STATUS\n" + "".join(f".TP\n\\fB{code}\\fR\n{text(what)}\n" for code, what in EXITS)


def program_page(program):
    summary, about, file = ABOUT[program.name]
    return (head(program.name, 1, program, summary) +
            f".SH SYNOPSIS\n\\fB{text(program.name)}\\fR \\fIVERB\\fR [\\fIFLAGS\\fR]\n"
            f".SH DESCRIPTION\n{text(about)}\n.SH VERBS\n" + "".join(verb_list(program.top.verbs)) +
            exit_status() + f".SH FILES\n.TP\n\\fI{text(file)}\\fR\nThe configuration.\n" +
            see_also(program, program.top))


def verb_page(program, verb):
    page = head(verb.page, 1, program, verb.summary)
    page += f".SH SYNOPSIS\n\\fB{text(' '.join(verb.path))}\\fR {text(verb.usage or '[FLAGS]')}\n"
    if verb.help:
        page += f".SH DESCRIPTION\n{paragraphs(verb.help)}\n"
    page += ".SH OPTIONS\n" + "".join(flag_rows(verb.flags))
    return page + exit_status() + see_also(program, verb)


def key_row(key):
    row = f".TP\n\\fB{text(key['key'])}\\fR = {text(key['expected'])}\n{text(key['help'] or '')}.\n"
    if key["default"] is not None:
        row += f"Default: \\fB{text(key['default'])}\\fR.\n"
    names = [f"\\fB{text(key['variable'])}\\fR"]
    if key["flag"]:
        names.append(f"\\fB{text('--' + key['flag'])}\\fR")
    return row + f"Also {' and '.join(names)}.\n"


def file_page(program):
    name = f"{program.name}.toml"
    file = ABOUT[program.name][2]
    page = head(name, 5, program, f"configuration of {program.name}")
    page += (f".SH SYNOPSIS\n\\fI{text(file)}\\fR\n.SH DESCRIPTION\nA file in TOML. An environment variable "
             "overrides the file, and a flag overrides both. An unknown key or a value outside its range "
             f"is refused with its line and column. \\fB{text(program.name)} config keys\\fR prints all "
             "keys as a file to begin with.\n")
    section = None
    for key in program.keys:
        if key["section"] != section:
            section = key["section"]
            page += f".SH [{text(section)}]\n"
        page += key_row(key)
    return page + see_also(program, program.top).replace(f", \\fB{text(name)}(5)\\fR", "").replace(
        f"\\fB{text(name)}(5)\\fR", f"\\fB{text(program.name)}(1)\\fR")


def all_pages(program):
    """(file name, text) of every page of a program."""
    yield f"{program.name}.1", program_page(program)
    yield f"{program.name}.toml.5", file_page(program)
    for verb in program.top.walk():
        if verb.flags is not None:
            yield f"{verb.page}.1", verb_page(program, verb)
