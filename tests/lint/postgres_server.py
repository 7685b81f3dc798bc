"""Databases for the checks of this folder, in the server of deploy/local/postgres.sh."""
import contextlib
import os
import subprocess
import sys
import urllib.parse

ADDRESS = "SHITHUB_TEST_POSTGRES"


class Database:
    def __init__(self, address):
        self.address = address

    def psql(self, script, stop=True):
        """What it printed, one row a line; with stop=False (output, errors)."""
        done = subprocess.run(["psql", "-XqAt", "-d", self.address, "-v", f"ON_ERROR_STOP={int(stop)}", "-f", "-"],
                              input=script.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        output, errors = done.stdout.decode(), done.stderr.decode()
        if stop and done.returncode:
            raise SystemExit(f"postgres_server.py: {errors}")
        return output if stop else (output, errors)


@contextlib.contextmanager
def database(name):
    """One with nothing in it, which goes again."""
    there = Database(os.environ[ADDRESS])
    there.psql(f"CREATE DATABASE {name} TEMPLATE template0")
    try:
        yield Database(urllib.parse.urlsplit(there.address)._replace(path=f"/{name}").geturl())
    finally:
        there.psql(f"DROP DATABASE {name}")


def needed():
    """Where there is no server, this program begins again with one."""
    if ADDRESS not in os.environ:
        os.execv("deploy/local/postgres.sh", ["deploy/local/postgres.sh", sys.executable, *sys.argv])
