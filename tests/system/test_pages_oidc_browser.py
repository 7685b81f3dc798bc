"""Signing in by a provider in a real browser (headless Chromium). The provider is another site there
(localhost, the coordinator 127.0.0.1), so cookies and policies hold as they do between two hosts."""
import pytest
from conftest import LOGS
from provider import CALLBACK, Provider
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from test_pages_browser import CLEAN, CONTRAST
from test_pages_oidc import configure

pytest_plugins = ("person",)
pytestmark = pytest.mark.xdist_group("browser")
SHOTS = LOGS.parent / "pages"


@pytest.fixture
def provider():
    made = Provider(host="localhost")
    made.consent = True
    yield made
    made.stop()
    assert not made.refused, made.refused


@pytest.fixture
def coordinator(folder, provider, coordinators):
    made = coordinators(*configure(folder, provider)).start()
    provider.redirect_uris = {made.base + CALLBACK}
    made.admin("user", "add", "ada")
    made.admin("user", "link", "ada", "--subject", provider.person["sub"])
    return made


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_in_and_out(person, scripts):
    person.scripts(on=scripts)
    person.open("/queue")
    person.follow("Sign in")
    person.see("Or with a password of this coordinator")
    person.follow("Sign in with Example & Co")
    person.see("The provider")
    person.follow("Allow")
    person.see("Sign out")
    assert person.driver.current_url == person.base + "/"
    assert [one["name"] for one in person.driver.get_cookies()] == ["shithub_session"]
    person.press("Sign out")
    person.see("Sign in")


def test_with_the_keyboard_alone(person):
    person.open("/login?next=/queue")
    person.tab_to("Sign in with Example & Co").send_keys(Keys.ENTER)
    person.see("The provider")
    person.driver.find_element(By.PARTIAL_LINK_TEXT, "Allow").send_keys(Keys.ENTER)
    person.see("Sign out")
    assert person.driver.current_url == person.base + "/queue"


def test_a_link_on_another_site(person, provider):
    """It leads to our own page, where a person decides."""
    provider.consent = False
    person.driver.get(provider.issuer + "/link?to=" + person.base + "/login/oidc?next=/queue")
    person.follow("A link")
    person.see("Or with a password of this coordinator")
    assert person.driver.current_url == person.base + "/login"
    assert "/authorize" not in provider.asked and not person.driver.get_cookie("shithub_oidc")


def test_pages_in_both_themes(person, provider, coordinator):
    """The sign-in page and the page of a sign-in that failed."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    provider.consent = False
    coordinator.admin("user", "unlink", "ada")
    findings = []
    for name, path, words in (("login-provider", "/login", "Sign in with Example"),
                              ("login-failed", "/login/oidc", "no user of this coordinator yet")):
        for theme in ("light", "dark"):
            for width in (1280, 390):
                person.sized(width, theme)
                person.axe_script()
                if name == "login-failed":
                    person.open("/login")
                    person.follow("Sign in with Example & Co")
                else:
                    person.open(path)
                person.see(words)
                found = {**person.driver.execute_script(CONTRAST), "axe": person.axe()}
                person.shoot(SHOTS / f"{name}-{theme}-{width}.png")
                if found != CLEAN:
                    findings.append((name, theme, width, found))
    assert not findings
    # Chromium says of each page with an error's status that it is one
    said = [one["message"] for one in person.driver.get_log("browser")]
    assert len(said) == 4 and all("status of 403" in one and "/login/oidc/callback" in one for one in said), said
