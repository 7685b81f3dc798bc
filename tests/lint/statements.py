"""Every SQL statement of coordinator/, with the types of its values.

The files are preprocessed, so that statements are whole however they were put together, and taken
out of the calls that run them. For the checks of this folder that ask a database about them.
"""
import collections
import concurrent.futures
import pathlib
import re
import shlex
import subprocess

# text: None when it cannot be read, `said` then tells what stands in its place.
# types: the type string of the call (coordinator/store/sql.h); None: the text stands in a table.
Statement = collections.namedtuple("Statement", "file text types said")

# Of each call: which of its arguments is the text, and which the types, or the types themselves.
CALLS = {"row_select": (4, 5), "sql_run": (2, 3), "sql_int": (3, 4), "sql_query": (3, 4),
         "jobs_change": (1, "iw"), "undo": (1, "")}
CALL = re.compile(rf"\b({'|'.join(CALLS)})\s*\(")
STRINGS = re.compile(r'(?:"(?:[^"\\]|\\.)*"\s*)+')
# With the macro COLUMN, or without.
COLUMN = re.compile(r'\{\s*(?:\.sql = \()?((?:"(?:[^"\\]|\\.)*"\s*)+)')
SQL = re.compile(r"\s*(?:SELECT|INSERT|UPDATE|DELETE|WITH)\s")
# What is written for one of the two databases, by a piece of its text.
ONLY = {"sqlite": ("sqlite_", "action_runner"), "postgres": ("pg_", "schema_version")}
ENGINES = "coordinator/sql/"  # whose statements are those of others


def text_of(strings):
    return "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', strings)).replace('\\"', '"').replace("\\\\", "\\")


def preprocess(path, flags):
    done = subprocess.run(["gcc", "-E", "-P", *flags, path], stdout=subprocess.PIPE, check=True)
    return path, done.stdout.decode()


def preprocessed(room="coordinator"):
    """The text of each file of the folder as the compiler sees it."""
    flags = shlex.split(subprocess.run(["make", "-s", "lint-flags"], stdout=subprocess.PIPE,
                                       check=True).stdout.decode())
    names = sorted(str(path) for path in pathlib.Path(room).rglob("*.c"))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        return dict(pool.map(lambda name: preprocess(name, flags), names))


def arguments(source, at):
    """The texts of a call's arguments; at: behind its opening bracket."""
    found, depth, begin = [], 0, at
    for part in re.finditer(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|[(){},\[\]]', source[at:]):
        mark = part.group(0)
        if mark in "([{":
            depth += 1
        elif mark in ")]}" and depth:
            depth -= 1
        elif mark == "," and not depth or mark == ")":
            found.append(source[begin:at + part.start()].strip())
            begin = at + part.end()
            if mark == ")":
                return found
    raise ValueError("a call without an end")


def columns(source):
    """Of each row type of a file: its columns, as row_columns joins them."""
    lists = {name: ", ".join(text_of(sql) for sql in COLUMN.findall(body))
             for name, body in re.findall(r"static const struct column (\w+)\[\] = \{(.*?)\n?\};", source, re.S)}
    return {name: lists[of] for name, of in re.findall(
        r"const struct row_type (\w+) = \{ *\.columns = \((\w+)\)", source)}


def types_of(call, given):
    of = CALLS[call][1]
    if isinstance(of, str):
        return of
    return text_of(given[of]) if given[of].startswith('"') else None


def of_file(name, source, rows):
    """The statements of each call, and what stands in tables of texts."""
    rest = source
    for call in CALL.finditer(source):
        if re.search(r"(?:int|void)\s+$", source[:call.start()]):
            continue  # its declaration
        given = arguments(source, call.end())
        texts = [text_of(found) for found in STRINGS.findall(given[CALLS[call.group(1)][0]])]
        for one in given:
            rest = rest.replace(one, "0") if '"' in one else rest
        if call.group(1) == "row_select":
            kind = rows.get(given[3].lstrip("&"))
            if kind is None:
                yield Statement(name, None, None, given[3])
                continue
            texts = [f"SELECT {kind} {text}" for text in texts if text.lstrip().startswith("FROM")]
        yield from (Statement(name, text, types_of(call.group(1), given), "")
                    for text in texts if SQL.match(text))
    for found in STRINGS.findall(rest):
        if SQL.match(text_of(found)):
            yield Statement(name, text_of(found), None, "")


def all_of(sources):
    rows = {}
    for source in sources.values():
        rows.update(columns(source))
    for name, source in sources.items():
        if not name.startswith(ENGINES):
            yield from of_file(name, source, {**rows, **columns(source)})


def meant_for(text, database):
    """Neither the other database's alone nor about tables that are not ours."""
    return not any(piece in text for other, pieces in ONLY.items() if other != database for piece in pieces)


def strings_of(source, array):
    """The texts of a table of texts, each joined."""
    body = source[re.search(rf"\b{array}\[[^\]]*\] = \{{", source).end():]
    return [text_of(found) for found in STRINGS.findall(body[:body.index("\n};")])]


def schema(sources, database):
    """The steps of the schema, as one text."""
    return "\n".join(strings_of(sources[f"coordinator/store/schema/{database}.c"], f"schema_{database}"))
