"""Somebody at a headless Chromium, for tests of the pages as people use them. axe-core, the check of
accessibility, comes with Chromium: it is a part of the developer tools that the package brings along."""
import base64
import contextlib
import os
import re
import tempfile
import urllib.request

import pytest
from selenium import webdriver
from selenium.common.exceptions import (NoSuchElementException, StaleElementReferenceException,
                                        WebDriverException)
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--hide-scrollbars")
AXE = "devtools/third_party/lighthouse/lighthouse-dt-bundle.js"
AXE_RUN = """
const done = arguments[arguments.length - 1];
axe.run(document, {resultTypes: ['violations']}).then(r => done(r.violations.map(v => [v.id, v.help,
  v.nodes.slice(0, 3).map(n => n.html.slice(0, 200) + ' ' + (n.any.concat(n.all, n.none)[0] || {}).message)])),
  e => done([['axe', String(e), []]]));
"""


def axe_source(driver):
    """The script, out of the literal that holds it in a part of the developer tools."""
    address = driver.capabilities["goog:chromeOptions"]["debuggerAddress"]
    with urllib.request.urlopen(f"http://{address}/{AXE}", timeout=60) as answer:
        bundle = answer.read().decode()
    literal = re.search(r"`/\*! axe v(?:[^`\\]|\\.)*`", bundle, re.S)
    assert literal, "this Chromium's developer tools hold no axe-core where they used to"
    driver.get("about:blank")
    return driver.execute_script("return " + literal.group(0))


class Person:
    """Sits at a browser. Its test asserts with what stands on the page."""

    def __init__(self, driver, base):
        self.driver, self.base = driver, base

    def open(self, path):
        self.driver.get(self.base + path)

    def wait(self, condition, what):
        """Until the page that the last click leads to is there. One that is just being left is as if it
        were gone."""
        return WebDriverWait(self.driver, 30, ignored_exceptions=[
            NoSuchElementException, StaleElementReferenceException]).until(condition, what)

    def see(self, text, where=(By.TAG_NAME, "body")):
        self.wait(lambda _: text in self.read(*where), f"{text!r} on the page")

    def read(self, by, value):
        """An element's text. Chromedriver calls an element stale when its document is gone before it is
        asked; for one that goes while it is read it has only the inspector's error."""
        element = self.driver.find_element(by, value)
        try:
            return element.text
        except WebDriverException as error:
            if "inspector error" in (error.msg or ""):
                raise StaleElementReferenceException(error.msg) from error
            raise

    def click(self, by, value):
        self.wait(lambda d: d.find_element(by, value).click() or True, value)

    def follow(self, text):
        self.click(By.PARTIAL_LINK_TEXT, text)

    def press(self, label):
        self.click(By.XPATH, f"//button[normalize-space()='{label}']")

    def type(self, name, text):
        self.wait(lambda d: d.find_element(By.NAME, name).send_keys(text) or True, name)

    def scripts(self, on):
        self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not on})

    def tab_to(self, text):
        """By keyboard alone; the focus must be visible where it comes to stand."""
        for _ in range(60):
            self.driver.switch_to.active_element.send_keys(Keys.TAB)
            focus = self.driver.switch_to.active_element
            if text in focus.text:
                assert focus.value_of_css_property("outline-style") != "none", text
                return focus
        raise AssertionError(f"{text!r} cannot be reached with the Tab key")

    def shows(self, name):
        """Whether the element with that id can be seen; what is folded cannot."""
        return self.driver.execute_script(
            "return document.getElementById(arguments[0]).checkVisibility()", name)

    def sized(self, width, theme):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": theme}]})

    def shoot(self, path):
        """The whole page, not only what fits."""
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
        path.write_bytes(base64.b64decode(shot["data"]))

    def axe(self):
        """What axe-core finds on the page: rule, advice, elements."""
        self.driver.execute_cdp_cmd("Runtime.evaluate", {"expression": self.axe_script()})
        return self.driver.execute_async_script(AXE_RUN)

    def axe_script(self):
        if not hasattr(self.driver, "axe_source"):
            page = self.driver.current_url
            self.driver.axe_source = axe_source(self.driver)
            self.driver.get(page)
        return self.driver.axe_source


@pytest.fixture(scope="module")
def chromium():
    with contextlib.ExitStack() as stack:
        options = Options()
        options.binary_location = "/usr/bin/chromium"
        profile = stack.enter_context(tempfile.TemporaryDirectory(prefix="shithub-chromium-"))
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = webdriver.Chrome(options=options, service=Service(
            "/usr/bin/chromedriver", env={**os.environ, "HOME": profile}))
        stack.callback(driver.quit)
        yield driver


@pytest.fixture
def person(chromium, coordinator):
    chromium.delete_all_cookies()
    made = Person(chromium, coordinator.base)
    made.scripts(on=True)
    made.sized(1280, "light")
    yield made
    chromium.get("about:blank")  # a live log ends before its coordinator does
    # nothing was refused by the policy, nothing was missing but a page that is asked for as missing
    said = [entry for entry in chromium.get_log("browser") if "/nobody/" not in entry["message"]]
    assert not said, said
