#!/usr/bin/env python3
"""PostgreSQL takes every statement of the coordinator, and none of them walks what grows.

postgres.py: prepares each SQL statement of coordinator/ (statements.py), with the types of its values,
on a PostgreSQL of its own over the schema of coordinator/store/schema/, and asks for its plan with
sequential scans forbidden: one that is there all the same has no index. Prints
`file: finding: statement` and exits 1 when there is any.
"""
import re
import sys

import plans
import postgres_server
import statements

TYPES = {"i": "bigint", "w": "bigint", "y": "bigint", "t": "text", "v": "text", "p": "text", "b": "bytea"}
PIECES = re.compile(r"'(?:[^']|'')*'|[?](\d*)|[^'?]+")
FAILED = re.compile(r"psql:<stdin>:(\d+): ERROR:  (.*)")
# What gives a number of another type than its table has.
SUM = re.compile(r"(?<!CAST\()(?<!CAST\(coalesce\()\b(?:sum|avg)\(")
SMALL = plans.SMALL | {"schema_version"}
# Every claim asks them: what they cost must not grow with the queue.
FOR_EACH_CLAIM = ("coordinator/queue/claim.c", "coordinator/queue/waiting.c")
SORTED = re.compile(r"Limit\n\s+->  (?:Incremental )?Sort")


def marked(text):
    """With $1 for ?1; a ? without a number is the one after the highest so far."""
    parts, highest = [], 0
    for piece in PIECES.finditer(text):
        if piece.group(1) is None:
            parts.append(piece.group(0))
            continue
        number = int(piece.group(1) or highest + 1)
        highest = max(highest, number)
        parts.append(f"${number}")
    return re.sub(r" INDEXED BY \w+", "", "".join(parts)).replace("\n", " ")


def prepared(number, one):
    types = ", ".join(TYPES[letter] for letter in one.types or "")
    return f"PREPARE s{number}{f' ({types})' if types else ''} AS {marked(one.text)};"


def explained(number, one):
    highest = max(map(int, re.findall(r"[$](\d+)", marked(one.text))), default=0)
    values = ", ".join(["NULL"] * highest)
    return f"EXPLAIN (COSTS OFF) EXECUTE s{number}{f' ({values})' if values else ''};"


def walks(plan):
    """The tables that a plan reads as a whole."""
    return set(re.findall(r"Seq Scan on (\w+)", plan)) - SMALL


def check(server, every):
    """(statement, finding) of each that has one."""
    _, errors = server.psql("\n".join(prepared(*numbered) for numbered in enumerate(every)), stop=False)
    failed = {int(line) - 1: why for line, why in FAILED.findall(errors)}
    yield from ((every[number], why) for number, why in failed.items())
    good = [(number, one) for number, one in enumerate(every) if number not in failed]
    script = ["SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan;"]
    for number, one in good:
        script += [prepared(number, one), f"\\echo == {number}", explained(number, one)]
    output = server.psql("\n".join(script))
    for number, plan in re.findall(r"^== (\d+)\n(.*?)(?=^== |\Z)", output, re.S | re.M):
        one = every[int(number)]
        for table in sorted(walks(plan)):
            if not any(piece in one.text for piece in plans.WALKS):
                yield one, f"walks {table}"
        if one.file in FOR_EACH_CLAIM and SORTED.search(plan):
            yield one, "sorts all that waits to find one"
    yield from ((one, "a sum without CAST is numeric") for _, one in good if SUM.search(one.text))


def main():
    postgres_server.needed()
    sources = statements.preprocessed()
    every = [one for one in statements.all_of(sources)
             if one.text is not None and statements.meant_for(one.text, "postgres")]
    planted = statements.Statement("planted", "SELECT ifnull(id, 0) FROM workflow_jobs WHERE name = ?", "t", "")
    walking = planted._replace(text="SELECT id FROM workflow_jobs j WHERE j.name = ?")
    sorting = planted._replace(file=FOR_EACH_CLAIM[0], text="SELECT id FROM workflow_jobs WHERE status = 'queued' AND"
                               " ready = 1 AND name > ? ORDER BY repo_id, ready_at LIMIT 1")
    with postgres_server.database("statements") as server:
        server.psql(statements.schema(sources, "postgres"))
        if len(list(check(server, [planted, walking, sorting]))) != 3:
            sys.exit("postgres.py: finds nothing any more")
        found = list(check(server, every))
    for one, why in found:
        print(f"{one.file}: {why}: {one.text}")
    print(f"{len(every)} statements, {len(found)} findings")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
