#!/usr/bin/env python3
"""Checks every #include against ROOMS, the list of rooms and of the arrows between them.

Fails on an arrow that ROOMS does not have, an arrow of ROOMS that nothing uses, a circle of rooms, a
folder with C files that is no room, a room of more than 25 file pairs, and a quoted name that is not
written from the root.
"""
import pathlib
import re
import sys

FILE_PAIRS = 25
INCLUDE = re.compile(r'\s*#\s*include\s+"([^"]+)"')


def read_rooms(text):
    """{room: [rooms it may include]} in the order of the file; a finding for each bad line."""
    rooms, bad = {}, []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.split("#")[0].strip()
        if not line:
            continue
        room, colon, below = line.partition(":")
        if not colon or room in rooms:
            bad.append(f"ROOMS:{number}: expected `room: rooms below it`, each room once")
            continue
        for name in below.split():
            if name not in rooms:
                bad.append(f"ROOMS:{number}: {room} includes {name}, which does not stand above "
                           "it: arrows point up this list, so that there is no circle")
        rooms[room] = below.split()
    return rooms, bad


def includes(path):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = INCLUDE.match(line)
        if found:
            yield number, found.group(1)


def check_file(path, rooms, used):
    room = path.parent.as_posix()
    if room not in rooms:
        yield f"{path}: its folder is not listed in ROOMS"
        return
    for number, target in includes(path):
        where = f"{path}:{number}"
        other = pathlib.PurePosixPath(target).parent.as_posix()
        if not pathlib.Path(target).is_file():
            yield f'{where}: "{target}" does not exist; names are written from the root'
        elif other in rooms[room]:
            used.add((room, other))
        elif other != room:
            yield f"{where}: ROOMS has no arrow from {room} to {other}"


def check_tests(path):
    for number, target in includes(path):
        if not pathlib.Path(target).is_file():
            yield f'{path}:{number}: "{target}" does not exist; names are written from the root'


def findings():
    rooms, bad = read_rooms(pathlib.Path("ROOMS").read_text())
    used, pairs = set(), {}
    yield from bad
    for path in sorted(pathlib.Path(".").glob("*/**/*.[ch]")):
        top = path.parts[0]
        if top == "tests":
            yield from check_tests(path)
        elif not top.startswith((".", "build")):
            pairs.setdefault(path.parent.as_posix(), set()).add(path.stem)
            yield from check_file(path, rooms, used)
    for room, stems in pairs.items():
        if len(stems) > FILE_PAIRS:
            yield f"{room}: {len(stems)} file pairs, at most {FILE_PAIRS}: split the room"
    for room, below in rooms.items():
        for other in below:
            if (room, other) not in used:
                yield f"ROOMS: nothing in {room} includes {other}: take the arrow out"


def main():
    bad = list(findings())
    print("\n".join(bad), end="\n" if bad else "")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
