"""Several serves on one database: what each must have like the others, and what any may answer."""
import shutil

import driver
import pytest

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
