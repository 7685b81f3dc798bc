"""Several serves on one database: what each must have like the others, and what any may answer."""
import concurrent.futures
import re
import shutil

import byhand
import driver
import pytest
from balancer import Balancer
from event_stream import EventStream, numbers
from pages_world import running_job
from test_pages_login import Browser

OTHER_KEY = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=\n"


def refused(coordinator):
    """What a serve says that does not start: one line."""
    log = coordinator.folder / "shithubd.log"
    known = len(log.read_text().splitlines()) if log.exists() else 0
    with pytest.raises(driver.CommandFailed):
        coordinator.start()
    coordinator.program = None
    lines = [line for line in log.read_text().splitlines()[known:] if " info " not in line]
    assert len(lines) == 1, lines
    return lines[0]


def test_another_root_key_is_refused(coordinators, user):
    """It could neither open what is sealed nor check the tokens of the first."""
    first = coordinators("--store", user.address).start()
    first.stop()
    second = coordinators("--store", user.address)
    key = second.data / "root.key"
    assert f"{key} is missing, and the store has a root key; give it the key" in refused(second)
    assert not key.exists()
    key.write_text(OTHER_KEY)
    key.chmod(0o600)
    assert f"the root key in {key} is not the store's; give it the key" in refused(second)
    assert not (second.data / "key.id").exists()
    key.write_bytes((first.data / "root.key").read_bytes())
    second.start()


def test_a_data_folder_with_another_root_key_is_refused(coordinators, monkeypatch):
    coordinator = coordinators().start()
    coordinator.stop()
    key = coordinator.data / "root.key"
    right = key.read_text()
    key.unlink()
    assert f"{key} is missing" in refused(coordinator)
    monkeypatch.setenv("SHITHUB_TOTP_KEY", OTHER_KEY.strip())
    assert "the root key in SHITHUB_TOTP_KEY is not the store's" in refused(coordinator)
    monkeypatch.setenv("SHITHUB_TOTP_KEY", right.strip())
    coordinator.start()


# ---- repositories ----


def repositories_refused(coordinators, folder, *flags):
    coordinator = coordinators("--repositories", folder, *flags)
    return coordinator, refused(coordinator)


def test_a_folder_of_repositories_that_is_not_there_is_refused(coordinators, folder):
    _, line = repositories_refused(coordinators, folder / "away")
    assert f"server.repositories: {folder}/away: No such file or directory; make the folder, or mount it" in line


def test_repositories_stay_where_they_are(coordinators, folder):
    """Nothing is moved; once it was, serve goes on with the same repositories."""
    (folder / "shared").mkdir()
    plain = coordinators().start()
    repo = plain.repository("demo/sample", plain.create_token())
    head = repo.commit({"file": "one"})
    repo.push()
    plain.stop()
    plain.flags = ("--repositories", folder / "shared")
    assert f"there are repositories in {plain.data}/repos; move what is in it" in refused(plain)
    shutil.move(plain.data / "repos" / "demo", folder / "shared" / "demo")
    (plain.data / "repos").rmdir()
    plain.start()
    assert repo.git("ls-remote", f"{plain.base}/demo/sample.git", "trunk").split()[0] == head
    done = driver.run([plain.binary, "backup", folder / "copy", "--data", plain.data])
    assert b"demo" in (folder / "copy" / "manifest.jsonl").read_bytes(), done.stdout


def test_another_folder_of_repositories_is_refused(coordinators, user, folder):
    for name in ("shared", "other"):
        (folder / name).mkdir()
    first = coordinators("--store", user.address, "--repositories", folder / "shared").start()
    first.stop()
    mark = (folder / "shared" / ".place").read_text()
    second = coordinators("--store", user.address, "--repositories", folder / "other")
    second.data.mkdir(mode=0o700)
    shutil.copy2(first.data / "root.key", second.data)
    line = refused(second)
    assert "its .place is missing; mount that folder" in line and mark.strip() in line
    second.flags = ("--store", user.address)
    assert "its .place is missing; mount that folder" in refused(second)
    (folder / "other" / ".place").write_text(mark)
    second.flags = ("--store", user.address, "--repositories", folder / "other")
    second.start()


def test_a_repository_whose_folder_is_missing(coordinator, repository):
    repo = repository()
    repo.commit({"file": "one"})
    repo.push()
    shutil.move(coordinator.data / "repos" / "demo", coordinator.data / "moved")
    answer = coordinator.request("GET", "/demo/sample.git/info/refs?service=git-upload-pack")
    assert answer.status == 503 and answer.headers["Retry-After"] == "30"
    assert b"demo/sample: its folder is not on this host, or not mounted" in answer.body
    assert "repository_missing" in coordinator.program.log()


# ---- two serves behind a balancer ----


class Pool:
    """Two serves with data folders of their own, which share database, repositories and objects."""

    def __init__(self, coordinators, user, folder):
        self.front = Balancer()
        for name in ("repos", "objects"):
            (folder / "shared" / name).mkdir(parents=True)
        flags = ("--store", user.address, "--public-url", self.front.url,
                 "--repositories", folder / "shared/repos", "--objects", folder / "shared/objects")
        first, second = self.both = coordinators(*flags), coordinators(*flags)
        first.start()
        second.data.mkdir(mode=0o700)
        shutil.copy2(first.data / "root.key", second.data)
        second.start()
        self.bases = [one.base for one in self.both]
        self.front.to(*self.bases)

    def answered(self, method, end):
        """Which of them were asked such a thing."""
        return {backend for backend, asked, path in self.front.sent
                if asked == method and path.endswith(end)}


@pytest.fixture
def pool(coordinators, user, folder):
    made = Pool(coordinators, user, folder)
    yield made
    made.front.close()


@pytest.fixture
def balanced(pool):
    """The pool as one coordinator."""
    pool.both[0].base = pool.front.url
    return pool.both[0]


@pytest.fixture
def balanced_repository(balanced):
    token = balanced.create_token()
    return lambda name="demo/sample": balanced.repository(name, token)


def heads(repo, pool):
    return {repo.git("ls-remote", f"{base}/{repo.name}.git", "trunk").split()[0] for base in pool.bases}


def test_a_push_through_one_is_fetched_through_the_other(pool, balanced_repository):
    repo = balanced_repository()
    a, b = (f"{base}/{repo.name}.git" for base in pool.bases)
    head = repo.commit({"file": "one"})
    repo.git("push", "-q", a, "HEAD:refs/heads/trunk")
    repo.git("fetch", "-q", b, "trunk")
    assert repo.git("rev-parse", "FETCH_HEAD") == head
    head = repo.commit({"file": "two"})
    repo.git("push", "-q", b, "HEAD:refs/heads/trunk")
    assert heads(repo, pool) == {head}


def test_of_two_pushes_to_one_branch_one_wins(pool, balanced_repository):
    """Both begin at the same commit; git's lock of the ref decides, whichever process took them."""
    repo = balanced_repository()
    repo.commit({"file": "base"})
    repo.push()
    for turn in range(5):
        base = repo.git("rev-parse", "HEAD")
        commits = []
        for base_url in pool.bases:
            repo.git("reset", "-q", "--hard", base)
            commits.append((repo.commit({"file": f"{turn} {base_url}"}), f"{base_url}/{repo.name}.git"))

        def push(one):
            return driver.run(["git", "push", "-q", one[1], f"{one[0]}:refs/heads/trunk"], env=repo.env,
                              cwd=repo.clone, check=False).returncode
        with concurrent.futures.ThreadPoolExecutor() as threads:
            codes = list(threads.map(push, commits))
        assert sorted(codes) == [0, 1], codes
        winner = commits[codes.index(0)][0]
        assert heads(repo, pool) == {winner}
        repo.git("reset", "-q", "--hard", winner)


def test_a_live_log_goes_on_at_the_other_serve(pool, balanced, balanced_repository):
    """Lines come in at both; a stream that breaks off goes on elsewhere, each line once."""
    job = running_job(balanced, balanced_repository)
    seen, last = [], None
    for turn in range(4):
        with EventStream(pool.bases[turn % 2], f"{job.url}/events", last) as live:
            assert live.status == 200
            for n in range(3):
                job.say(0, f"line {3 * turn + n + 1}\n")
            events = live.until_line(1, 3 * turn + 3)
            seen += numbers(events)
            last = live.last_id
    assert seen == [(1, n) for n in range(1, 13)]
    assert len(pool.answered("POST", "/logs")) == 2


def test_a_repeated_call_has_one_answer(pool, balanced, balanced_repository):
    """Its Idempotency-Key is known to all: an answer that got lost is given again by the other one."""
    job = running_job(balanced, balanced_repository)
    path, body = f"/api/v1/jobs/{job.id}/status", {"status": "running"}
    key = {"Idempotency-Key": "k1"}
    answers = [driver.request("POST", base + path, body, job.token, key) for base in pool.bases * 2]
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    without = [driver.request("POST", base + path, body, job.token).status for base in pool.bases]
    assert without == [401, 401]


def test_artifacts_are_everybodys(pool, balanced, balanced_repository):
    """Sent by a URL that one signed to another, and read at both."""
    job = running_job(balanced, balanced_repository)
    packed = [job.artifact(f"out{n}", {"file": f"{n}".encode() * 1000}) for n in range(3)]
    for base in pool.bases:
        page = driver.request("GET", f"{base}/demo/live/runs/{job.run_id}").body.decode()
        paths = sorted(set(re.findall(r"/artifacts/[0-9]+", page)), key=lambda path: int(path[11:]))
        assert [driver.request("GET", f"{base}/demo/live/runs/{job.run_id}{path}").body
                for path in paths] == packed


def test_a_session_holds_at_all(pool, balanced):
    """Signed in once, each page and form may go to another process, and so the end of the session."""
    balanced.admin("user", "add", "ada")
    balanced.admin("user", "password", "ada", stdin=b"ada's password\n")
    browser = Browser(balanced)
    for _ in range(2):
        assert browser.sign_in("ada", "ada's password").status == 303
        for _ in range(4):
            assert "ada" in browser.get("/").text
        assert browser.send("/", "/logout").status == 303
        for _ in range(2):
            assert "/login" in browser.get("/").text


def test_counters_of_both_add_up_once(pool, balanced):
    """Who scrapes both and adds up gets what happened; the leader alone shows what all share."""
    token = balanced.register_runner("r")["token"]
    for _ in range(6):
        assert byhand.heartbeat(balanced, token).status == 204

    def sums():
        total, leads = 0, 0
        for base in pool.bases:
            page = driver.request("GET", f"{base}/metrics").body.decode().splitlines()
            total += sum(int(line.split()[1]) for line in page
                         if line.startswith("shithub_actions_runner_heartbeats_total "))
            leads += sum(int(line.split()[1]) for line in page if line.startswith("shithub_actions_leads "))
        return total, leads
    driver.wait_for(lambda: sums() == (6, 1), 20, "six heartbeats and one leader")
    assert sums() == (6, 1)
