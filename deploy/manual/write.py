"""write.py BUILD OUT: manual pages and completions of both programs, from the programs' own tables.

Makes OUT/man/manN/* and OUT/completions/{bash,zsh,fish}/*. The same programs give the same bytes.
"""
import pathlib
import shutil
import sys

import completions
import pages
import tables

SHELLS = {"bash": (completions.bash, "{}"), "zsh": (completions.zsh, "_{}"),
          "fish": (completions.fish, "{}.fish")}


def put(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def main(build, out):
    for old in ("man", "completions"):
        shutil.rmtree(out / old, ignore_errors=True)
    for name in tables.PROGRAMS:
        program = tables.Program(build, name)
        for page, text in pages.all_pages(program):
            put(out / f"man/man{page[-1]}" / page, text)
        for shell, (make, file) in SHELLS.items():
            put(out / "completions" / shell / file.format(name), make(program))


if __name__ == "__main__":
    main(*map(pathlib.Path, sys.argv[1:3]))
