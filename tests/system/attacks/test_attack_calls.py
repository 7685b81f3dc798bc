"""System calls, files and devices that no step may have, tried one by one in a real step."""
import attack
from conftest import few


def test_calls_and_files(job):
    """On either engine, with either transport, also for a second step of one box."""
    # Calls of another architecture kill; a kernel that knows none of them kills before the filter.
    here = attack.program("calls", "here")
    killed = "signal 31" if here.startswith("REACHED") else here.strip().split(": ")[-1]
    run = attack.script("chmod +x calls && ./calls")
    done = job("- uses: actions/checkout@v4\n" + run + run,
               files={"calls": attack.program("calls")})
    assert done.conclusions() == ["success"] * 3, done.text(1)
    for index in (1, 2):
        lines = done.text(index).splitlines()
        assert not [line for line in lines if line.startswith("REACHED")], lines
        tried = int(lines[-1].removeprefix("tried "))
        assert sum(line.startswith("refused") for line in lines) == tried > 150, lines
        for line in lines:
            if line.startswith("refused x32"):
                assert line.endswith("signal 31"), line
            if line.startswith("refused int 0x80"):
                assert line.endswith(killed), line


SETUID = """
    set +e +o pipefail
    for file in $(find / -xdev -perm /6000 -type f 2>/dev/null); do
        echo "set-id $file"
    done
    cp /bin/bash own && chmod 6755 own && ./own -p -c 'id -u; id -g'
    su -c 'id -u' root </dev/null 2>&1
    mount -t tmpfs none /mnt 2>&1
    unshare -Ur id -u 2>&1
    echo end
"""


@few
def test_set_id_programs(job):
    """no_new_privs makes set-id bits ineffective, whoever owns the file."""
    done = job(attack.script(SETUID))
    lines = done.text(0).splitlines()
    assert lines[-1] == "end" and "0" not in lines, lines
    assert lines.count("65534") == 2, "its own set-id program gives it nothing new"
