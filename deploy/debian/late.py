#!/usr/bin/env python3
"""The libraries that a program loads at their first call, from its notes (base/late/late.h).

As a program, `late.py PROGRAM...` prints the packages that hold them, in the form of Depends.
"""
import json
import re
import struct
import subprocess
import sys

FDO_DLOPEN = 0x407C0C0A
# Libraries whose last number counts fixes alone: any release with the numbers before it will do. A
# machine that builds with the newest fix must not ask for it on one that has yet to get it.
FIXES_LAST = {"libpq.so.5"}


def said(*argv):
    return subprocess.run([str(word) for word in argv], stdout=subprocess.PIPE, check=True).stdout


def notes(data):
    """The texts of all notes of the kind, of a section's bytes."""
    at = 0
    while at < len(data):
        name_size, size, kind = struct.unpack_from("<3I", data, at)
        at += 12 + (name_size + 3) // 4 * 4
        if kind == FDO_DLOPEN:
            yield data[at:at + size].rstrip(b"\0").decode()
        at += (size + 3) // 4 * 4


def libraries(program):
    """Their file names (soname)."""
    if b".note.dlopen" not in said("readelf", "-S", "-W", program):
        return []
    data = said("objcopy", "-O", "binary", "--only-section=.note.dlopen", program, "/dev/stdout")
    return sorted({one for text in notes(data) for entry in json.loads(text) for one in entry["soname"]})


def path(soname):
    """Where the loader of this machine finds it."""
    found = re.search(rf"^\s*{re.escape(soname)} .*=> (/\S+)$", said("/sbin/ldconfig", "-p").decode(), re.M)
    if not found:
        sys.exit(f"late: {soname} is not installed")
    return found.group(1)


def depends(soname):
    """The package with at least the release that is here: that one was compiled with."""
    place = path(soname).removeprefix("/usr")
    for name in (f"/usr{place}", place):  # dpkg knows some files below /lib
        owner = subprocess.run(["dpkg-query", "-S", name], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL)
        if owner.returncode == 0:
            package = owner.stdout.decode().split(": ")[0]
            name, release = said("dpkg-query", "-W", "-f", "${Package} ${source:Upstream-Version}",
                                 package).decode().split()
            return f"{name} (>= {release.rpartition('.')[0] if soname in FIXES_LAST else release})"
    sys.exit(f"late: no package has {soname}")


if __name__ == "__main__":
    print(", ".join(sorted({depends(one) for program in sys.argv[1:] for one in libraries(program)})))
