#!/usr/bin/env python3
"""The house's dialect of C, where compiler, clang-format and clang-tidy do not hold it.

dialect.py [FILE...]: checks those files, else every .c and .h that git knows. Prints
`file:line: finding` and exits 1 when there is one. docs/ARCHITECTURE.md lists the rules.
"""
import pathlib
import re
import subprocess
import sys

FUNCTION_LINES = 50
OWN_ROOMS = ("engine/gate", "network/probe")  # programs of their own that include nothing of base/

TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
FALLIBLE = re.compile(r"^(?:static )?(?:inline )?((?:const )?(?:struct |enum )?\w+ \**)(\w+)"
                      r"\(([^;{}]*?)\)[\w\s(),]*?[;{]", re.M)
FUNCTION = re.compile(r"^(?!typedef|struct \w+ \{|enum|union)[\w*][^;{}=#]*?\b(\w+)\([^;{}]*\)\n\{\n", re.M)
TYPE = (r"(?:(?:static|const|volatile|unsigned|register)\s+|CLEAN_\w+\s+|CLEANUP\(\w+\)\s+)*"
        r"(?:struct\s+\w+|enum\s+\w+|union\s+\w+|\w+_t|bool|char|int|long|short|unsigned|double|"
        r"float|void|va_list|DIR|FILE|CURLM?|git_\w+|scmp_filter_ctx|sqlite3\w*|PG\w+|Oid)\b(?:\s+(?:const|long|int|char))*")
DECLARATION = re.compile(TYPE + r"[\s*]+(?:const\s+)?\**\w+\s*(?:\[[^\]]*\]\s*)*(?:\(\*\w+\)\(|[=;,\[])")
VAGUE = {"refuse", "judge", "run", "look", "take"}
IDENTIFIERS = (
    (re.compile(r"\b(?:\w+_)?bury(?:_\w+)?\b"), "bury: say free_later"),
    (re.compile(r"\b[A-Z0-9_]*_MOST(?:_[A-Z0-9]+)?\b"), "MOST: say MAX"),
    (re.compile(r"\b(?:\w+_look|looks?_\w+|look)\b(?!\()"), "look: say check, inspect or state"),
    (re.compile(r"\b\w+_walls?\b|\bwalls\w*\b|\bWALLS?_\w+"),
     "wall: the clock alone; say confinement or egress firewall"),
)
CLOCK = {"col_wall", "WALL_TEXT_MAX"}


def blank_text(source):
    """The source with comments and the insides of literals blanked; offsets stay."""
    def blank(match):
        text = match.group(0)
        if text[0] in "\"'":
            return text[0] + " " * (len(text) - 2) + text[-1]
        return re.sub(r"[^\n]", " ", text)
    return TOKEN.sub(blank, source)


def closing(code, at):
    depth = 0
    for index in range(at, len(code)):
        if code[index] in "([{":
            depth += 1
        elif code[index] in ")]}":
            depth -= 1
            if depth == 0:
                return index
    return len(code)


class File:
    def __init__(self, path):
        self.path = path
        self.source = path.read_text()
        self.code = blank_text(self.source)

    def finding(self, offset, text):
        return f"{self.path}:{self.source.count(chr(10), 0, offset) + 1}: {text}"


def in_tests(file):
    """Tests hold long tables and name functions after what they test."""
    return file.path.parts[0] == "tests"


def returns(files):
    """{name: {path: return type}} of all functions whose last parameter is a struct err."""
    found = {}
    for file in files:
        for match in FALLIBLE.finditer(file.code):
            kind, name, parameters = match.group(1).strip(), *match.groups()[1:]
            if re.search(r"struct err \*\w*\s*$", parameters) or kind != "int":
                found.setdefault(name, {})[file.path] = kind
    return found


def bare_error_tests(file, kinds):
    """0/-1 results are compared with 0, so that nobody reads them as a truth value."""
    for match in re.finditer(r"\b(\w+)\(", file.code):
        known = kinds.get(match.group(1), {})
        kind = known.get(file.path) or next(iter(known.values()), None)
        if kind != "int" or len(set(known.values())) > 1 and file.path not in known:
            continue
        before = file.code[:match.start()].rstrip()
        after = file.code[closing(file.code, match.end() - 1) + 1:].lstrip()
        tested = before.endswith(("||", "&&", "!")) or re.search(r"\b(if|while)\s*\($", before)
        if (tested or after.startswith(("||", "&&", "?"))) and not re.match(r"<|>|==|!=", after):
            yield file.finding(match.start(), f"{match.group(1)}() gives 0 or -1: write < 0")


def head_declarations(file, _):
    """A blank line stands between the declarations at the head of a block and its statements."""
    for match in re.finditer(r"\{[ \t]*\n", file.code):
        before = file.code[:match.start()].rstrip()
        if not (before.endswith(")") or re.search(r"\b(else|do)$", before)):
            continue
        at, last = match.end(), None
        while True:
            start = at + len(file.code[at:]) - len(file.code[at:].lstrip())
            if not DECLARATION.match(file.code[start:start + 400]):
                break
            last = end_of_statement(file.code, start)
            if last is None:
                break
            at = last + 1
        if last is None:
            continue
        following = file.source[file.source.find("\n", last) + 1:].split("\n", 1)[0].strip()
        if following and not following.startswith(("}", "/*")):
            yield file.finding(last, "a blank line belongs behind the declarations")


def end_of_statement(code, at):
    depth = 0
    for index in range(at, len(code)):
        if code[index] in "([{":
            depth += 1
        elif code[index] in ")]}":
            depth -= 1
            if depth < 0:
                return None
        elif code[index] == ";" and depth == 0:
            return index
    return None


def formats(file, _):
    for match in re.finditer(r"%[-+0 #]*[\d.*]*ll[diux]", file.source):
        yield file.finding(match.start(), "print 64 bits with the macros of inttypes.h")


def rulers(file, _):
    for match in re.finditer(r"^/\* ?[-=*#]{2,}(?!\w).*$", file.source, re.M):
        if not re.fullmatch(r"/\* ---- \S.* ---- \*/", match.group(0)):
            yield file.finding(match.start(), "a section begins with /* ---- name ---- */")


def silencers(file, _):
    if file.path.parent.as_posix() in OWN_ROOMS:
        return
    for match in re.finditer(r"\(void\)\s*(?:!|\(\w+\()|\bif \([^;{}]*\)\s*break;\s*break;", file.code):
        yield file.finding(match.start(), "drop a result with IGNORE_RESULT(call, why)")


def cleanup_names(file, _):
    for match in re.finditer(r"#define (\w+) (?:CLEANUP\(|__attribute__\(\(cleanup)", file.code):
        if not match.group(1).startswith("CLEAN_"):
            yield file.finding(match.start(), f"{match.group(1)}: such a macro is called CLEAN_…")


def sources(file, _):
    if file.path.as_posix() in ("base/loop.c", "base/loop.h", "tests/unit/base/test_loop.c"):
        return
    for match in re.finditer(r"\bloop_source_free\(", file.code):
        yield file.finding(match.start(), "loop_source_unref(&x) leaves no dangling pointer")


def opening(file, _):
    """Each .c opens with why it is as it is."""
    if file.path.suffix != ".c":
        return
    if not file.source.startswith("/*"):
        yield file.finding(0, "the file opens with a comment: why it is as it is")
    elif re.match(r"/\*\s*See \S+\.\s*\*/", file.source):
        yield file.finding(0, "the opening comment only names another file")


def guards(file, _):
    if file.path.suffix != ".h" or "#pragma once" in file.code:
        return
    wanted = re.sub(r"[^A-Z0-9]", "_", file.path.as_posix().upper())
    match = re.search(r"^#ifndef (\w+)$", file.code, re.M)
    if match and match.group(1) != wanted:
        yield file.finding(match.start(), f"the guard of this header is {wanted}")


def functions(file, _):
    for match in FUNCTION.finditer(file.code):
        end = file.code.find("\n}", match.end())
        length = file.code.count("\n", match.end(), end) + 1
        if length > FUNCTION_LINES and not in_tests(file):
            yield file.finding(match.start(1), f"{match.group(1)}: {length} lines, at most "
                                               f"{FUNCTION_LINES}")
        if match.group(1) in VAGUE and not in_tests(file):
            yield file.finding(match.start(1), f"{match.group(1)}() says nothing in a backtrace")


def names(files):
    """Finds one name for two functions. All rooms are one library, and from a library the linker takes
    the first that fits and says nothing: the caller of the other one gets it, whatever its struct."""
    seen = {}
    for file in files:
        if file.path.suffix != ".c" or in_tests(file) or str(file.path.parent) in OWN_ROOMS:
            continue
        for match in FUNCTION.finditer(file.code):
            name = match.group(1)
            if re.search(r"\bstatic\b", match.group(0)) or name == "main":
                continue
            if name in seen:
                yield file.finding(match.start(1), f"{name}() is also in {seen[name]}")
            seen[name] = file.path


def words(file, _):
    if in_tests(file):
        return
    for pattern, text in IDENTIFIERS:
        for match in pattern.finditer(file.code):
            if match.group(0) not in CLOCK:
                yield file.finding(match.start(), f"{match.group(0)}: {text}")
    for match in TOKEN.finditer(file.source):
        for wall in re.finditer(r"\b[Ww]alls?\b(?! clock)", match.group(0)):
            if not match.group(0)[wall.start() - 7:wall.start()].endswith("struct "):
                yield file.finding(match.start() + wall.start(),
                                   "wall: the clock alone; say confinement or egress firewall")


RULES = (bare_error_tests, head_declarations, formats, rulers, silencers, cleanup_names, sources,
         opening, guards, functions, words)


def tracked():
    command = ["git", "ls-files", "-co", "--exclude-standard", "--", "*.c", "*.h"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def main(arguments):
    everything = [File(pathlib.Path(name)) for name in tracked() if pathlib.Path(name).is_file()]
    wanted = {pathlib.Path(name) for name in arguments}
    kinds = returns(everything)
    bad = [finding for file in everything if not wanted or file.path in wanted
           for rule in RULES for finding in rule(file, kinds)]
    bad += names(everything)
    print("\n".join(bad), end="\n" if bad else "")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
