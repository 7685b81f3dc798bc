"""actions/checkout writes what git writes: tables of attributes, contents, patterns and names.

The repository is made by git fast-import, so no attribute touches what is stored. In the job real git
clones what was checked out, and neither a file nor what git status says may differ.
"""
import itertools
import subprocess

from conftest import Job, newest_run, offline, once, workflow

pytestmark = offline

CONTENTS = [
    b"", b"a", b"a\n", b"a\nb", b"a\r\nb\r\n", b"a\r\nb\n", b"a\rb\n", b"\n", b"\r\n",
    b"a\0b\nc\n", b"a\nb\x1a", b"\x01\x02\x03\nabc\n", b"0" * 200 + b"\x01\n",
    b"0" * 100 + b"\x01\n", b"tab\tesc\x1b[m bs\b ff\f\n", b"no\x7f\n",
    b"$Id$\n", b"x $Id: 0123 $ y\n$Id$ $Id: other system $\n$Id: $$Id$", b"$Id:$\n$Id$",
    b"$Id: half\n$Id$\n$Idle$ $ID$ $id$\n", b"$Id$", b"$Id: a", b"$Id: a b$ $Id:a $ $Id:  $",
    "ä\n€\n".encode(), b"\xff\xfe\n", "ä $Id$\n😀\n".encode(), b"a\n" * 3000,
]
ATTRIBUTES = [
    "text", "-text", "!text", "text=auto", "text=auto eol=crlf", "text eol=crlf", "eol=crlf",
    "eol=lf", "text=auto eol=lf", "crlf", "-crlf", "crlf=input", "crlf=auto eol=crlf",
    "crlf eol=crlf", "-crlf eol=crlf", "text=input eol=crlf", "ident", "ident eol=crlf",
    "ident=x", "-ident", "!text eol=crlf", "binary eol=crlf", "text=x crlf=auto eol=crlf",
    "-text eol=crlf", "text -text eol=crlf", "-text text eol=crlf", "eol=CRLF", "eol", "-eol",
    "dos", "dos -dos", "-dos", "!dos", "dos text=auto", "text=auto dos", "two", "loop",
    "working-tree-encoding=UTF-16LE", "working-tree-encoding=UTF-16",
    "working-tree-encoding=UTF-16LE-BOM text", "working-tree-encoding=utf-16be-bom eol=crlf",
    "working-tree-encoding=ISO-8859-1", "working-tree-encoding=nonsense",
    "working-tree-encoding=utf8 eol=crlf", "working-tree-encoding=UTF-16BE ident eol=crlf",
    "working-tree-encoding= eol=crlf", "filter=lfs diff=lfs merge=lfs -text",
    "eol=crlf ??=x", "eol=crlf -", "eol=crlf =x", "-text=x eol=crlf",
]
NAMES = [
    "a.txt", "b c.txt", ".dot", "-dash", "!bang", "#hash", 'q"uote', "back\\slash", "[x].txt",
    "star*", "sub/a.txt", "sub/deep/a.txt", "sub/deep/x.c", "one/foo", "foobar", "foo/bar",
    "foobaz/x/bar", "abc/a/b/c/d", "abc/d", "café.txt", "A.TXT", "z.txt", "ab", "ac", "a]", "x",
]
PATTERNS = [
    "*.txt", "a.txt", '"b c.txt"', '"caf\\303\\251.txt"', '"*.t\\170t"', '"q\\"uote"', '"open',
    '"bad\\q"', "!*.txt", "\\!bang", "!bang", "\\#hash", "#hash", "/a.txt", "sub/", "sub",
    "sub/*", "sub/**", "**/a.txt", "sub/**/a.txt", "**/deep/*", "abc/**/d", "abc/*/d", "a[bc]",
    "a[!b]", "a[^b]*", "[[:upper:]]*", "[a-c]*.txt", "[x", "\\[x\\].txt", "star\\*",
    "back\\\\slash", "?", "??", "*", "**", "foo**/bar", "foo*bar", "foo", "*o*", ".*",
    "/sub/deep/x.c", "deep/x.c", "sub/deep/", "[[:bogus:]]*", "a[]b]", "a[b-a]", "*.TXT",
    "caf?.txt", "caf*.txt", "**/", "/**", "/", "**/**/a.txt", "a\\", "  a.txt", "\ta.txt",
    "[attr]local", "***", "sub/***/a.txt", "*/a.txt", "a[b", "a[b-", "a[\\b]", "a.txt\r",
    "\ufeff*", "x\0y", "*b", "sub*", "sub/d*/x.c", "*/*/x.c", "[!a]", "a.tx[!u-z]", "a.tx[s-u]",
]
ODD = ["Icon\r", "a\nb", "tab\tx", "\x1b[31mred", "\x01", "del\x7f", "dir\n/x", "\x80latin"]


def quoted(path):
    data = path if isinstance(path, bytes) else path.encode()
    return b'"' + b"".join(b"\\%03o" % c if c < 32 or c > 126 or c in b'"\\' else bytes([c])
                           for c in data) + b'"'


def entries():
    """(path, bytes) of every file."""
    rules = ["[attr]dos text eol=crlf", "[attr]two dos ident", "[attr]loop loop eol=crlf",
             "*.late eol=crlf"]
    rules += [f"/a{i}/* {line}" for i, line in enumerate(ATTRIBUTES)]
    yield ".gitattributes", "\n".join(rules).encode()
    for (i, _), (c, content) in itertools.product(enumerate(ATTRIBUTES), enumerate(CONTENTS)):
        yield f"a{i}/c{c}", content
    yield ".earlier/.gitattributes", b"*.late -text\n"
    yield ".earlier/x.late", b"a\n"
    yield "x.late", b"a\n"
    for p, pattern in enumerate(PATTERNS):
        yield f"p{p}/.gitattributes", pattern.encode() + b" eol=crlf\n"
        for name in NAMES:
            yield f"p{p}/{name}", b"a\nb\n"
    yield "levels/.gitattributes", b"*.a eol=crlf\n*.b -text\n[attr]dos -text\n"
    yield "levels/x/.gitattributes", b"*.a !eol\n*.b text\n/x.c dos\n"
    for path in ("levels/x/x.a", "levels/x/x.b", "levels/x/x.c", "levels/x.a", "levels/y/x.a"):
        yield path, b"a\n"
    for name in ODD:
        yield "odd/" + name, b"odd\n"


def fill(repo, parent):
    stream = [b"commit refs/heads/tables\ncommitter A <a@b.test> 0 +0000\ndata 1\nm\n"
              b"from " + parent.encode() + b"\n"]
    for path, content in entries():
        data = path.encode("latin1") if "\x80" in path else path
        stream.append(b"M 100644 inline %s\ndata %d\n%s\n" % (quoted(data), len(content), content))
    stream.append(b"M 120000 inline link/.gitattributes\ndata 8\n../rules\n"
                  b"M 100644 inline link/x\ndata 2\na\n\nM 100644 inline rules\ndata 11\n* eol=crlf\n\n")
    subprocess.run(["git", "-C", repo.clone, "fast-import", "--quiet"], input=b"".join(stream),
                   check=True)


STEPS = """
    - uses: actions/checkout@v4
      with: {ref: tables, path: ours}
    - run: |
        git clone -q --no-local --no-checkout file://$PWD/ours gits
        git -C gits checkout -q $(git -C ours rev-parse HEAD) 2>/dev/null
        sums() { (cd $1; find . -name .git -prune -o -type f -print0 | xargs -0 sha256sum | sort); }
        links() { (cd $1; find . -name .git -prune -o -type l -printf '%p %l\\n' | sort); }
        status() { git -C $1 status --porcelain 2>/dev/null; }
        status ours >/tmp/left
        for what in sums links; do
          comm -3 <($what ours) <($what gits) | cat -v && echo same $what
        done
        # with other times git looks at the bytes of each file; else only at those as new as its index
        find ours gits -name .git -prune -o -type f -print0 | xargs -0 touch -d 2001-01-01
        comm -3 <(status ours) <(status gits) | cat -v && echo same status
        comm -23 /tmp/left <(status gits) | cat -v && echo as clean as git leaves it
        find gits -name .git -prune -o -type f -print0 | tr -dc '\\0' | wc -c
      shell: bash
"""


@once
def test_files_have_the_bytes_that_git_writes(coordinator, repository, joined):
    repo = repository()
    first = repo.commit({".shithub/workflows/ci.yml": workflow(STEPS)})
    fill(repo, first)
    repo.git("push", "-q", "origin", "tables")
    repo.push()
    program = joined().once()
    job = Job(coordinator, coordinator.show(newest_run(coordinator)), program, None)
    lines = job.text(1).splitlines()
    assert lines[:-1] == ["same sums", "same links", "same status", "as clean as git leaves it"], \
        "\n".join(lines[:40])
    assert int(lines[-1]) > 3000
    assert job.conclusion == "success"
