"""A whole site in one booted machine: shithubd.service, a repository, and runners to be started."""
import json
import secrets
import urllib.parse

import driver

ADMIN = ("setpriv", "--reuid=shithubd", "--regid=shithubd", "--init-groups")


class Site:
    """Installs nothing: the units must be there. Every file is where docs/DEPLOY.md puts it."""

    def __init__(self, root, base="http://127.0.0.1:8080", more=""):
        self.root, self.base = root, base
        root.write("/etc/shithubd/config.toml",
                   f'[server]\nlisten = "127.0.0.1:8080"\npublic_url = "{base}"\n{more}')
        root.run("systemctl", "start", "shithubd")
        self.admin("repo", "add", "demo/hello")
        self.pat = json.loads(self.admin("token", "create", "--name", "me", "--output", "json",
                                         "--scopes", "repo:read,repo:write,admin"))["token"]
        host = urllib.parse.urlsplit(base).hostname
        root.write("/root/.netrc", f"machine {host} login me password {self.pat}\n", 0o600)
        root.run("git", "init", "-q", "-b", "trunk", "/root/hello")
        self.git("remote", "add", "origin", f"{base}/demo/hello.git")

    def admin(self, *argv):
        return self.root.text(*ADMIN, "shithubd", "admin", *argv)

    def git(self, *argv):
        self.root.run("git", "-C", "/root/hello", "-c", "user.name=me", "-c", "user.email=me@host",
                      *argv)

    def configure_runner(self, name="config", state="/var/lib/shithubd-runner", network="none",
                         more="", last="", token="token", labels=("ubuntu-latest", "x64")):
        """Writes the configuration and the token of a runner that is registered for it."""
        words = json.dumps(list(labels))
        self.root.write(f"/etc/shithubd-runner/{name}.toml", f"""\
[server]
base_url = "{self.base}"
[runner]
labels = {words}
state_dir = "{state}"
{more}
[engine]
default_image = "{self.root.image}"
network = "{network}"
{last}
""", 0o640)
        self.root.run("chown", "root:shithub-runner", f"/etc/shithubd-runner/{name}.toml")
        made = json.loads(self.admin("runner", "register", "--name", f"r-{secrets.token_hex(4)}",
                                     "--labels", ",".join(labels), "--output", "json"))
        if token:
            self.root.write(f"/etc/shithubd-runner/{token}", made["token"] + "\n", 0o600)
        return made

    def push(self, *scripts, runs_on="ubuntu-latest"):
        """Pushes a workflow with these steps; the run's id."""
        return self.push_steps("".join(f"      - run: |\n          {script}\n" for script in scripts), runs_on)

    def push_steps(self, steps, runs_on="ubuntu-latest"):
        """The same with steps as the file has them."""
        before = {run["id"] for run in self.runs()}
        self.root.write("/root/hello/.shithub/workflows/ci.yml",
                        f"on: [push, workflow_dispatch]\njobs:\n  main:\n    runs-on: {runs_on}\n    steps:\n{steps}")
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "Change the workflow")
        self.git("push", "-q", "origin", "trunk")
        (made,) = {run["id"] for run in self.runs()} - before
        return made

    def runs(self):
        return json.loads(self.admin("run", "list", "--output", "json"))

    def job(self, run):
        return json.loads(self.admin("run", "show", "--id", str(run), "--output", "json"))["jobs"][0]

    def wait_running(self, run):
        """Until the first step of the run's job has begun."""
        driver.wait_for(lambda: self.job(run)["steps"][0]["status"] == "running", 60, "a running step")

    def workspace(self, run):
        """The folder of the run's only job, as the test sees it."""
        job = self.job(run)["id"]
        return self.root.path / f"var/lib/shithubd-runner/workspaces/{run}/{job}/workspace"

    def log(self, run):
        """The log of the run's job."""
        return self.admin("run", "log", "--job", str(self.job(run)["id"]))

    def conclusion(self, run):
        """How the run's job ended."""
        return driver.wait_for(lambda: self.job(run)["conclusion"], 60, f"the end of run {run}")
