#!/usr/bin/env python3
"""No statement of the coordinator walks a table that grows with the past.

plans.py: preprocesses every file of coordinator/, takes each SQL statement out of the calls that run
it, and asks the database for its plan over the schema of coordinator/store/schema.c. Prints
`file: finding: statement` and exits 1 when a plan reads a whole table, or a whole index of one, that
is not small by nature; a statement that cannot be read is a finding, too. What may walk stands in
WALKS, each with its reason; an entry that no statement needs is a finding.
"""
import concurrent.futures
import pathlib
import re
import shlex
import sqlite3
import subprocess
import sys

# Tables whose size is that of the site, not of its past.
SMALL = {"policies", "webhooks", "counters", "environments", "environment_reviewers",
         "environment_branches", "owners", "memberships", "repo_collaborators", "repositories",
         "runners", "runner_tokens", "pats", "sessions", "schedules", "push_journal", "scoped_values",
         "job_masks", "sqlite_schema", "sqlite_master", "sqlite_sequence"}
# Indexes that hold what is open, waits or is wrong.
OPEN = re.compile(r"_(?:waiting|since|active|running|running_repo|group|open|held|gate|due|unfold|skip|"
                  r"stop|dead|until|unarchived|reported|kept)$")
# A piece of the statement: why it may walk.
WALKS = {
    "SET restored": "once, when a backup is restored",
    "hygiene_records h LEFT JOIN": "a list for operators, in a process of its own, of a table that is pruned",
    "(?2 IS NULL OR conclusion = ?2": "a list for operators, in a process of its own, newest first",
    "WHERE ?1 = 0 OR repo_id = ?1 ORDER BY id DESC": "the newest runs, mostly of all repositories",
}
CALL = re.compile(r"\b(row_select|sql_run|sql_int|sql_query|jobs_change|undo)\s*\(")
STRINGS = re.compile(r'(?:"(?:[^"\\]|\\.)*"\s*)+')
SQL = re.compile(r"\s*(?:SELECT|INSERT|UPDATE|DELETE|WITH)\b")


def text_of(strings):
    return "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', strings)).replace('\\"', '"').replace("\\\\", "\\")


def preprocess(path, flags):
    done = subprocess.run(["gcc", "-E", "-P", *flags, path], stdout=subprocess.PIPE, check=True)
    return path, done.stdout.decode()


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
    lists = {name: ", ".join(text_of(sql) for sql in re.findall(
        r"\.sql = \(((?:\s*\"(?:[^\"\\]|\\.)*\")+)\s*\)", body) or re.findall(
        r"\{\s*((?:\"(?:[^\"\\]|\\.)*\"\s*)+),", body))
        for name, body in re.findall(r"static const struct column (\w+)\[\] = \{(.*?)\n?\};", source, re.S)}
    return {name: lists[of] for name, of in re.findall(
        r"const struct row_type (\w+) = \{ *\.columns = \((\w+)\)", source)}


def statements(source, types):
    """(statement or None, what the call says) of each call, and what stands in tables of texts."""
    rest = source
    for call in CALL.finditer(source):
        if re.search(r"(?:int|void)\s+$", source[:call.start()]):
            continue  # its declaration
        given = arguments(source, call.end())
        texts = [text_of(found) for one in given for found in STRINGS.findall(one)]
        for one in given:
            rest = rest.replace(one, "0") if '"' in one else rest
        if call.group(1) == "row_select":
            kind = types.get(given[3].lstrip("&"))
            if kind is None:
                yield None, given[3]
                continue
            texts = [f"SELECT {kind} {text}" for text in texts if text.lstrip().startswith("FROM")]
        yield from ((text, "") for text in texts if SQL.match(text))
    for found in STRINGS.findall(rest):
        if SQL.match(text_of(found)):
            yield text_of(found), ""


def schema(source):
    body = source[source.index("migrations[] = {"):]
    return "\n".join(text_of(found) for found in STRINGS.findall(body[:body.index("};")]))


def walks(db, statement):
    """The tables, with the index if one is named, that its plan reads as a whole."""
    numbers = [int(number) for number in re.findall(r"[?](\d+)", statement)]
    values = [None] * (max(numbers, default=0) + len(re.findall(r"[?](?!\d)", statement)))
    for *_, line in db.execute("EXPLAIN QUERY PLAN " + statement, values):
        found = re.match(r"SCAN (?!CONSTANT)(\w+)(?: USING (?:COVERING )?INDEX (\w+))?", line)
        if not found:
            continue
        name, index = found.groups()
        named = re.search(rf"(?:FROM|JOIN|,|UPDATE|INTO) (\w+)(?: INDEXED BY \w+)?(?: AS)? {name}\b", statement)
        table = name if name in TABLES | SMALL or not named else named.group(1)
        inner = re.search(rf"\bRECURSIVE {table}\b|\) (?:AS )?{table}\b", statement)
        if table in TABLES | SMALL or not inner:
            yield table, index


TABLES = set()


def main():
    flags = shlex.split(subprocess.run(["make", "-s", "lint-flags"], stdout=subprocess.PIPE,
                                       check=True).stdout.decode())
    names = sorted(str(path) for path in pathlib.Path("coordinator").rglob("*.c"))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        sources = dict(pool.map(lambda name: preprocess(name, flags), names))
    db = sqlite3.connect(":memory:")
    db.executescript(schema(sources["coordinator/store/schema.c"]))
    TABLES.update(name for name, in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'"))
    count, bad, used = 0, 0, set()
    for planted in ("SELECT id FROM workflow_jobs j WHERE j.name = ?", "DELETE FROM log_chunks WHERE seq = ?2"):
        if not list(walks(db, planted)):
            sys.exit(f"plans.py: finds nothing any more: {planted}")
    types = {}
    for source in sources.values():
        types.update({name: kind for name, kind in columns(source).items()})
    for name, source in sources.items():
        if name.startswith("coordinator/sql/"):
            continue
        for statement, said in statements(source, {**types, **columns(source)}):
            if "action_runner" in (statement or ""):
                continue  # of a database that is not ours
            count += 1
            if statement is None:
                bad += 1
                print(f"{name}: cannot be read: {said}")
                continue
            try:
                found = list(walks(db, statement))
            except sqlite3.Error as problem:
                bad += 1
                print(f"{name}: {problem}: {statement}")
                continue
            for table, index in found:
                if table in SMALL or index and OPEN.search(index):
                    continue
                why = [piece for piece in WALKS if piece in statement]
                used.update(why)
                if not why:
                    bad += 1
                    print(f"{name}: walks {table}{' by ' + index if index else ''}: {statement}")
    for piece in set(WALKS) - used:
        bad += 1
        print(f"plans.py: no statement needs {piece!r}")
    print(f"{count} statements, {bad} findings")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
