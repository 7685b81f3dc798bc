"""Several serves on one database: what each must have like the others, and what any may answer."""

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
