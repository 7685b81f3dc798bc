"""No user namespaces for ordinary users: a rootless Podman is refused in one line that says so."""
import driver
import rootless


def test_start_says_why():
    who = rootless.user()
    done = driver.run([*rootless.become(who), rootless.SCRIPT, "start"], cwd="/", check=False,
                      env={**rootless.environment(), "SHITHUB_PODMAN_DIR": str(rootless.HOME / "r")})
    assert done.returncode == 1
    assert "no user namespaces for ordinary users here" in done.stderr.decode()
    assert len(done.stderr.splitlines()) == 1
