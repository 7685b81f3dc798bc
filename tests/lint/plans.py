#!/usr/bin/env python3
"""No statement of the coordinator walks a table that grows with the past.

plans.py: asks SQLite for the plan of each SQL statement of coordinator/ (statements.py) over the schema
of coordinator/store/schema/. Prints `file: finding: statement` and exits 1 when a plan reads a whole
table, or a whole index of one, that is not small by nature; a statement that cannot be read is a finding,
too. What may walk stands in WALKS, each with its reason; an entry that no statement needs is a finding.
"""
import re
import sqlite3
import sys

import statements

# Tables whose size is that of the site, not of its past.
SMALL = {"policies", "webhooks", "counters", "environments", "environment_reviewers",
         "environment_branches", "owners", "memberships", "repo_collaborators", "repositories",
         "runners", "runner_tokens", "pats", "sessions", "schedules", "push_journal", "scoped_values",
         "job_masks", "instances", "leader", "clock", "store_copy", "sqlite_schema", "sqlite_master",
         "sqlite_sequence"}
# Indexes that hold what is open, waits or is wrong.
OPEN = re.compile(r"_(?:waiting|since|active|running|running_repo|group|open|held|gate|due|unfold|skip|"
                  r"stop|dead|until|unarchived|reported|kept)$")
# A piece of the statement: why it may walk.
WALKS = {
    "SET restored": "once, when a backup is restored",
    "hygiene_records h LEFT JOIN": "a list for operators, in a process of its own, of a table that is pruned",
    "(?2 IS NULL OR conclusion = ?2": "a list for operators, in a process of its own, newest first",
    "WHERE ?1 = 0 OR repo_id = ?1 ORDER BY id DESC": "the newest runs, mostly of all repositories",
    "FROM tries ORDER BY n, since LIMIT": "as many rows as are to go, from the end of the index",
}


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
    sources = statements.preprocessed()
    db = sqlite3.connect(":memory:")
    db.executescript(statements.schema(sources, "sqlite"))
    TABLES.update(name for name, in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'"))
    count, bad, used = 0, 0, set()
    for planted in ("SELECT id FROM workflow_jobs j WHERE j.name = ?", "DELETE FROM log_chunks WHERE seq = ?2"):
        if not list(walks(db, planted)):
            sys.exit(f"plans.py: finds nothing any more: {planted}")
    for one in statements.all_of(sources):
        if "action_runner" in (one.text or "") or not statements.meant_for(one.text or "", "sqlite"):
            continue
        count += 1
        if one.text is None:
            bad += 1
            print(f"{one.file}: cannot be read: {one.said}")
            continue
        try:
            found = list(walks(db, one.text))
        except sqlite3.Error as problem:
            bad += 1
            print(f"{one.file}: {problem}: {one.text}")
            continue
        for table, index in found:
            if table in SMALL or index and OPEN.search(index):
                continue
            why = [piece for piece in WALKS if piece in one.text]
            used.update(why)
            if not why:
                bad += 1
                print(f"{one.file}: walks {table}{' by ' + index if index else ''}: {one.text}")
    for piece in set(WALKS) - used:
        bad += 1
        print(f"plans.py: no statement needs {piece!r}")
    print(f"{count} statements, {bad} findings")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
