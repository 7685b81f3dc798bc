"""A PostgreSQL user with a schema of its own: the store of one test."""
import itertools
import os

import driver

SERVER = os.environ.get("SHITHUB_TEST_POSTGRES")  # of deploy/local/postgres.sh
NUMBERS = itertools.count(1)


def psql(text):
    return driver.run(["psql", SERVER, "-XAt", "-v", "ON_ERROR_STOP=1", "-c", text]).stdout.decode().strip()


class User:
    def __init__(self):
        self.name = f"serve_{os.getpid()}_{next(NUMBERS)}"
        self.address = SERVER.replace("//shithub@", f"//{self.name}@")
        psql(f"CREATE ROLE {self.name} LOGIN; CREATE SCHEMA AUTHORIZATION {self.name}")

    def end_connections(self):
        """How many there were."""
        return int(psql("SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity"
                        f" WHERE usename = '{self.name}'"))

    def drop(self):
        psql(f"DROP SCHEMA {self.name} CASCADE; DROP ROLE {self.name}")
