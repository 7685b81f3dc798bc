#!/usr/bin/env python3
"""Both databases have one schema, and what changes by itself leaves the same in both.

schemas.py: makes the schema of coordinator/store/schema/ in SQLite and in a PostgreSQL of its own, and
compares tables, columns, what is unique or refers to something, indexes and checks. Then it changes
jobs at random in both and compares what the triggers left. Prints `table: finding` and exits 1 when
there is any. Indexes and checks are compared as PostgreSQL writes them: SQLite's are made there, too.
"""
import itertools
import random
import re
import sqlite3
import sys

import postgres_server
import statements

TYPES = {"INTEGER": "bigint", "TEXT": "plain", "BLOB": "bytea"}
DELETE = {"CASCADE": "c", "SET NULL": "n", "NO ACTION": "a"}
# Of SQLite's text: PostgreSQL's. A truth is no number there.
TEXTS = {"(owner IS NOT NULL) + (repo_id IS NOT NULL) + (environment_id IS NOT NULL) <= 1":
         "num_nonnulls(owner, repo_id, environment_id) <= 1"}
SEED, CHANGES = 15, 3000


# ---- what there is ----

def parts(body):
    """What commas part outside of brackets."""
    depth, begin = 0, 0
    for at, mark in enumerate(body):
        depth += (mark == "(") - (mark == ")")
        if mark == "," and not depth:
            yield body[begin:at].strip()
            begin = at + 1
    yield body[begin:].strip()


def bracket(text, at):
    """From the bracket that opens at `at` to the one that ends it, without both."""
    depth = 0
    for end in range(at, len(text)):
        depth += (text[end] == "(") - (text[end] == ")")
        if not depth:
            return text[at + 1:end]
    raise ValueError(text)


def sqlite_tables(db):
    """{table: its text}"""
    return {name: text for name, text in db.execute(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")}


def sqlite_columns(db, table, text):
    folded = {part.split()[0] for part in parts(bracket(text, text.index("("))) if "COLLATE NOCASE" in part}
    for _, name, kind, required, default, key in db.execute(f"PRAGMA table_info({table})"):
        kind = "folded" if name in folded else TYPES[kind]
        yield name, kind, bool(required or key), default, key


def sqlite_unique(db, table):
    for _, index, unique, origin, _ in db.execute(f"PRAGMA index_list({table})").fetchall():
        if unique and origin != "c":
            yield tuple(name for _, _, name in db.execute(f"PRAGMA index_info({index})"))


def sqlite_references(db, table):
    for _, _, to, column, _, _, delete, _ in db.execute(f"PRAGMA foreign_key_list({table})"):
        yield column, to, DELETE[delete]


def sqlite_checks(text):
    for found in re.finditer(r"\bCHECK \(", text):
        check = bracket(text, found.end() - 1)
        yield TEXTS.get(check, check)


def postgres_columns(server, table):
    rows = server.psql(f"""
        SELECT a.attname, t.typname, a.attnotnull, a.attidentity, pg_get_expr(d.adbin, d.adrelid),
            coalesce(array_position(i.indkey::int[], a.attnum::int) + 1, 0)
        FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
        WHERE a.attrelid = '{table}'::regclass AND a.attnum > 0 AND NOT a.attisdropped""")
    for row in rows.splitlines():
        name, kind, required, _, default, key = row.split("|")
        default = re.sub(r"^'(-?\d+)'$", r"\1", re.sub(r"::\w+", "", default).strip("()")) or None
        yield name, {"int8": "bigint"}.get(kind, kind), required == "t", default, int(key)


def postgres_unique(server, table):
    rows = server.psql(f"""
        SELECT array_to_string(ARRAY(SELECT a.attname FROM unnest(c.conkey) WITH ORDINALITY k(n, at)
            JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.n ORDER BY k.at), ',')
        FROM pg_constraint c WHERE c.conrelid = '{table}'::regclass AND c.contype IN ('u', 'p')""")
    return [tuple(row.split(",")) for row in rows.splitlines()]


def postgres_references(server, table):
    rows = server.psql(f"""
        SELECT a.attname, c.confrelid::regclass, c.confdeltype FROM pg_constraint c
        JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
        WHERE c.conrelid = '{table}'::regclass AND c.contype = 'f'""")
    return [tuple(row.split("|")) for row in rows.splitlines()]


def as_postgres_writes(server, make, get):
    """What PostgreSQL makes of a text that is tried and taken back."""
    return server.psql(f"BEGIN; {make}; {get}; ROLLBACK;").strip()


def indexes_compared(db, server):
    ours = dict(row.split("|", 1) for row in server.psql(
        "SELECT indexrelid::regclass, pg_get_indexdef(indexrelid) FROM pg_index i JOIN pg_class c"
        " ON c.oid = i.indrelid WHERE c.relnamespace = 'public'::regnamespace AND NOT EXISTS"
        " (SELECT 1 FROM pg_constraint n WHERE n.conindid = i.indexrelid)").splitlines())
    for name, table, text in db.execute(
            "SELECT name, tbl_name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"):
        have = ours.pop(name, "missing")
        want = as_postgres_writes(
            server, text.replace(f"INDEX {name} ", "INDEX tried "), "SELECT pg_get_indexdef('tried'::regclass)")
        if have != want.replace("INDEX tried ", f"INDEX {name} "):
            yield table, f"index {name}: {have}, expected {want}"
    yield from ((name, "SQLite has no such index") for name in ours)


def checks_compared(server, table, text):
    ours = sorted(server.psql(
        f"SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = '{table}'::regclass"
        " AND contype = 'c'").splitlines())
    want = sorted(as_postgres_writes(
        server, f"ALTER TABLE {table} ADD CONSTRAINT tried CHECK ({check})",
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'tried'")
        for check in sqlite_checks(text))
    if ours != want:
        yield table, f"checks {ours}, expected {want}"


def compared(db, server):
    tables = sqlite_tables(db)
    there = set(server.psql("SELECT relname FROM pg_class WHERE relkind = 'r'"
                            " AND relnamespace = 'public'::regnamespace").split()) - {"schema_version"}
    yield from ((name, "is in one database only") for name in there ^ set(tables))
    for table in sorted(there & set(tables)):
        for what, ours, want in (
                ("columns", postgres_columns(server, table), sqlite_columns(db, table, tables[table])),
                ("references", postgres_references(server, table), sqlite_references(db, table))):
            ours, want = set(ours), set(want)
            for one in sorted(ours ^ want, key=str):
                yield table, f"{what}: {'PostgreSQL' if one in ours else 'SQLite'} alone has {one}"
        keys = {tuple(name for name, *_, key in sorted(sqlite_columns(db, table, tables[table]), key=lambda c: c[-1])
                      if key)}
        want = keys | set(sqlite_unique(db, table))
        if set(postgres_unique(server, table)) != want:
            yield table, f"unique {postgres_unique(server, table)}, expected {sorted(want)}"
        yield from checks_compared(server, table, tables[table])
    yield from indexes_compared(db, server)


# ---- what changes by itself ----

FIRST = """
INSERT INTO owners (login, kind, created_at) VALUES ('o', 'user', 1);
INSERT INTO repositories (owner, name, private, default_branch, created_at, owner_id)
 VALUES ('o', 'a', 0, 'main', 1, 1), ('o', 'b', 0, 'main', 1, 1);
INSERT INTO runners (name, labels, capacity, created_at) VALUES ('r', '[]', 1, 1);
INSERT INTO webhooks (repo_id, url, format, events, sealed, created_at)
 VALUES (NULL, 'all', 'json', 3, '', 1), (1, 'runs', 'json', 1, '', 1), (2, 'jobs', 'json', 2, '', 1);
"""
LEFT = {
    "job_counts": "run_id, status, outcome, kept, n",
    "job_keys": "run_id, job_key, asks_status, max_parallel, last_leg, open, queued, held, unfolds, stops,"
                " broken, failed, needs_open, needs_failed",
    "job_needs": "run_id, job_key, needs",
    "groups_left": "run_id, lower(concurrency_group)",
    "webhook_deliveries": "hook_id, event, coalesce(run_id, 0), coalesce(job_id, 0), status,"
                          " coalesce(conclusion, ''), coalesce(runner_id, 0), length(guid)",
}
KEYS = "abcde"
ENDS = ["success", "failure", "neutral", "cancelled", "skipped", "timed_out"]


def quoted(value):
    return "NULL" if value is None else str(value) if isinstance(value, int) else f"'{value}'"


class Changes:
    """Statements that both databases take, one after the other."""

    def __init__(self, dice):
        self.dice, self.runs, self.jobs, self.legs = dice, [], {}, itertools.count()
        self.run_id = self.job_id = 0

    def run(self):
        self.run_id += 1
        self.runs.append(self.run_id)
        return ("INSERT INTO workflow_runs (id, repo_id, run_index, workflow_file, workflow_name, event,"
                " event_payload, head_sha, head_ref, status, created_at) VALUES"
                f" ({self.run_id}, {self.dice.randint(1, 2)}, {self.run_id}, 'f', 'f', 'push', '', '', '',"
                " 'queued', 1)")

    def job(self, run):
        dice = self.dice
        self.job_id += 1
        self.jobs[self.job_id] = run
        kept = dice.choice([None, None, None] + [job for job in self.jobs if job != self.job_id][-3:])
        row = {"id": self.job_id, "run_id": run, "position": 1, "job_key": dice.choice(KEYS), "name": "n",
               "runs_on": "[]", "needs": "[]", "timeout_minutes": 1, "permissions": "{}", "env": "{}",
               "status": "queued", "ready": dice.randint(0, 1), "created_at": 1, "leg": next(self.legs),
               "legs": dice.randint(1, 2), "fail_fast": dice.randint(0, 1), "max_parallel": dice.randint(0, 2),
               "asks_status": dice.randint(0, 1), "continue_on_error": dice.randint(0, 1), "repo_id": 1,
               "unfold": dice.randint(0, 2), "kept_from": kept,
               "concurrency_group": dice.choice([None, "g", "G", "h"])}
        return (f"INSERT INTO workflow_jobs ({', '.join(row)})"
                f" VALUES ({', '.join(quoted(value) for value in row.values())})")

    def need(self, run):
        key, needs = self.dice.sample(KEYS, 2)
        return (f"INSERT INTO job_needs (run_id, job_key, needs) VALUES ({run}, '{key}', '{needs}')"
                " ON CONFLICT DO NOTHING")

    def job_change(self, where):
        dice, status = self.dice, self.dice.choice(["queued", "running", "completed", "cancelled"])
        ended = quoted(dice.choice(ENDS) if status in ("completed", "cancelled") else None)
        change = dice.choice([f"status = '{status}', conclusion = {ended}, runner_id = 1", f"ready = {dice.randint(0, 1)}",
                              f"pending = {dice.randint(0, 1)}", f"gate = {dice.randint(0, 2)}",
                              f"unfold = {dice.randint(0, 2)}", "cancel_requested = cancel_requested + 1",
                              "ready = 1, pending = 0", "name = 'other'"])
        return f"UPDATE workflow_jobs SET {change} WHERE {where}"

    def run_change(self, run):
        status = self.dice.choice(["queued", "running", "completed"])
        ended = quoted(self.dice.choice(ENDS) if status == "completed" else None)
        return f"UPDATE workflow_runs SET status = '{status}', conclusion = {ended} WHERE id = {run}"

    def one(self):
        dice = self.dice
        if not self.runs or dice.random() < 0.02:
            return self.run()
        run = dice.choice(self.runs)
        jobs = [job for job, of in self.jobs.items() if of == run]
        kind = dice.choices(["job", "need", "change", "all", "run", "gone", "end"], [20, 8, 50, 8, 6, 3, 0.4])[0]
        if kind == "job" or not jobs:
            return self.job(run)
        if kind == "need":
            return self.need(run)
        if kind == "change":
            return self.job_change(f"id = {dice.choice(jobs)}")
        if kind == "all":
            return self.job_change(f"run_id = {run} AND job_key IN ('{dice.choice(KEYS)}', '{dice.choice(KEYS)}')")
        if kind == "run":
            return self.run_change(run)
        return self.gone(dice.choice(jobs)) if kind == "gone" else self.end(run)

    def gone(self, job):
        del self.jobs[job]
        return (f"UPDATE workflow_jobs SET kept_from = NULL WHERE kept_from = {job};\n"
                f"DELETE FROM workflow_jobs WHERE id = {job}")

    def end(self, run):
        self.runs.remove(run)
        self.jobs = {job: of for job, of in self.jobs.items() if of != run}
        return ("UPDATE workflow_jobs SET kept_from = NULL WHERE kept_from IN"
                f" (SELECT id FROM workflow_jobs WHERE run_id = {run});\n"
                f"DELETE FROM workflow_runs WHERE id = {run}")


def left(rows):
    return sorted(tuple(str(value) for value in row) for row in rows)


def changed(db, server):
    changes = Changes(random.Random(SEED))
    script = FIRST + ";\n".join(changes.one() for _ in range(CHANGES)) + ";\n"
    db.executescript(script)
    server.psql(script)
    for table, columns in LEFT.items():
        asked = f"SELECT {columns} FROM {table}"
        ours = left(row.split("|") for row in server.psql(asked).splitlines())
        want = left(db.execute(asked))
        if not want:
            yield table, "nothing is left to compare"
        for row in sorted(set(ours) ^ set(want))[:3]:
            yield table, f"{'PostgreSQL' if row in ours else 'SQLite'} alone left {row}"
        if len(ours) != len(want):
            yield table, f"{len(ours)} rows, expected {len(want)}"


# What both comparisons have to find.
PLANTED = (("(role BETWEEN 1 AND 3)", "(role BETWEEN 1 AND 4)"), ("n = c.n + 1", "n = c.n + 2"))


def made(schema):
    db = sqlite3.connect(":memory:")
    db.executescript(schema)
    db.execute("PRAGMA foreign_keys = ON")
    return db


def main():
    postgres_server.needed()
    sources = statements.preprocessed("coordinator/store/schema")
    schema, text = statements.schema(sources, "sqlite"), statements.schema(sources, "postgres")
    db = made(schema)
    with postgres_server.database("faulty") as server:
        for right, wrong in PLANTED:
            text = text.replace(right, wrong)
        server.psql(text)
        if not list(compared(db, server)) or not list(changed(made(schema), server)):
            sys.exit("schemas.py: finds nothing any more")
    with postgres_server.database("schemas") as server:
        server.psql(statements.schema(sources, "postgres"))
        found = [*compared(db, server), *changed(db, server)]
    for table, why in found:
        print(f"{table}: {why}")
    print(f"{len(sqlite_tables(db))} tables, {CHANGES} changes, {len(found)} findings")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
