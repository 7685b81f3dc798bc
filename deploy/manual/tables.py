"""What the two programs say about themselves (`--help=json`, `config keys --output json`)."""
import dataclasses
import json
import subprocess

PROGRAMS = ("shithubd-runner", "shithubd")


@dataclasses.dataclass
class Verb:
    """A program, a group of verbs, or a verb; path is ("shithubd", "admin", "runner", "list")."""
    path: tuple
    summary: str
    usage: str
    help: str
    flags: list   # None when it only groups others
    verbs: list

    def walk(self):
        yield self
        for verb in self.verbs:
            yield from verb.walk()

    @property
    def page(self):
        return "-".join(self.path)


class Program:
    def __init__(self, build, name):
        self.name, self.file = name, build / name
        self.version = self.say("--version").split()[1]
        self.keys = json.loads(self.say("config", "keys", "--output", "json"))
        verbs = json.loads(self.say("--help=json"))["verbs"]
        self.top = Verb((name,), "", "VERB [FLAGS]", "", None,
                        [self.read((name, verb["name"]), verb) for verb in verbs])

    def say(self, *argv):
        return subprocess.run([self.file, *argv], check=True, stdout=subprocess.PIPE).stdout.decode()

    def read(self, path, table):
        own = json.loads(self.say(*path[1:], "--help=json")) if table["runs"] else {}
        return Verb(path, table["summary"] or "", table["usage"] or "",
                    own.get("help") or table["help"] or "", own.get("flags"),
                    [self.read((*path, one["name"]), one) for one in table["verbs"] or ()])
