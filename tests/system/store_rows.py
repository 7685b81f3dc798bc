"""Rows for every table of a SQLite store, made from its schema: a new table gets some, too."""
import random
import re
import sqlite3

# What a CHECK or a word's reader asks for, where a text or number at random would not do.
CHOSEN = {
    ("owners", "kind"): ["user"], ("owners", "site_admin"): [0, 1],
    ("audit_log", "actor_kind"): ["operator", "user", "coordinator"],
    ("memberships", "role"): [1, 2, 3], ("repo_collaborators", "role"): [1, 2, 3],
    ("instances", "until"): [0, 1000], ("leader", "until"): [0, 1000],
    ("job_gates", "state"): ["waiting", "approved", "rejected"],
    ("scoped_values", "kind"): ["secret", "variable"],
    ("workflow_jobs", "kept_from"): [None], ("workflow_runs", "parent_run_id"): [None],
    ("runners", "scope_repo_id"): [None],
    ("policies", "repo_id"): [None], ("scoped_values", "repo_id"): [None],
    ("scoped_values", "environment_id"): [None],
}
LIMITS = {("policies", name) for name in ("max_repo_queued_runs", "max_repo_concurrent_jobs",
                                          "max_owner_concurrent_jobs", "actor_trigger_limit_per_hour")}
# What a text format between two databases gets wrong when it gets anything wrong.
TEXTS = ["", "\\N", "\\.", "tab\tnew\nline\rback\\slash", "é ü 漢字 🦊", "a,b;'\"", "\x01\x7f", "x" * 3000]
BYTES = [b"", b"\\x00", bytes(range(256)), b"\x00" * 5, b"NULL"]


class Filler:
    def __init__(self, path, seed=1):
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.execute("PRAGMA foreign_keys = ON")
        self.dice = random.Random(seed)
        self.count = 0

    def tables(self):
        return {name: text for name, text in self.db.execute(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%'"
            " ESCAPE '\\' AND name <> 'store_copy'")}

    def value(self, table, column, kind, required, plain):
        """plain: a part of a key, or of a name that is found without its case."""
        if (table, column) in CHOSEN:
            return self.dice.choice(CHOSEN[table, column])
        if not required and self.dice.random() < 0.3:
            return None
        self.count += 1
        if (table, column) in LIMITS:
            return self.count
        if kind == "INTEGER":
            return self.dice.choice([self.count, -self.count, 2**63 - 1 - self.count, self.count + 2**40])
        if kind == "TEXT":
            return f"{self.dice.choice('nNaZ_-')}{self.count}" if plain else f"{self.dice.choice(TEXTS)}{self.count}"
        return self.dice.choice(BYTES) + b"%d" % self.count

    def row(self, table, text):
        references = {column: (to, key or "id") for _, _, to, column, key, *_ in
                      self.db.execute(f"PRAGMA foreign_key_list({table})")}
        folded = set(re.findall(r"(\w+) TEXT[^,]*COLLATE NOCASE", text))
        for _, name, kind, required, _, key in self.db.execute(f"PRAGMA table_info({table})").fetchall():
            if name == "id":
                continue
            if name in references and (table, name) not in CHOSEN:
                to, column = references[name]
                found = self.db.execute(f"SELECT {column} FROM {to} ORDER BY random() LIMIT 1").fetchone()
                yield name, found[0] if found else None
            else:
                yield name, self.value(table, name, kind, required or key or table == "policies", key or name in folded)

    def fill(self, rows):
        """Tables that refer to others after those, until each has so many rows."""
        for _ in range(len(self.tables())):
            for table, text in self.tables().items():
                self.more(table, text, rows)
            if all(n >= rows for n in self.counts().values()):
                return
        raise AssertionError(f"tables that did not get their rows: {self.counts()}")

    def more(self, table, text, rows):
        for _ in range(rows * 3):
            if self.db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] >= rows:
                return
            row = dict(self.row(table, text))
            marks = ", ".join("?" * len(row))
            try:
                self.db.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values()))
            except sqlite3.IntegrityError as problem:
                if "UNIQUE" not in str(problem) and "FOREIGN" not in str(problem) and "NOT NULL" not in str(problem):
                    raise

    def counts(self):
        return {table: self.db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in self.tables()}

    def gone(self, table):
        """The newest row goes; its number must not be given again."""
        self.db.execute(f"DELETE FROM {table} WHERE id = (SELECT max(id) FROM {table})")


def dump(path):
    """{table: its rows in order of all columns}, with the last number given to each."""
    db = sqlite3.connect(path)
    names = [name for name, in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    found = {name: sorted(db.execute(f"SELECT * FROM {name}").fetchall(), key=repr) for name in names
             if name != "sqlite_stat1"}
    db.close()
    return found
