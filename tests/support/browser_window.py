"""Neo4j Browser in a headless Chromium, used as a person uses it.

All waiting is for something that a person would see, bounded by ``SECONDS``.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar, cast

import pytest
from selenium.common.exceptions import (
    ElementClickInterceptedException,
    NoSuchElementException,
    StaleElementReferenceException,
)
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

T = TypeVar("T")

SECONDS = 120
"""How long any one thing may take to appear; a busy machine takes some ten for the page."""

WIDTH, HEIGHT = 1400, 900

NO_RECORDS = "(no changes, no records)"

OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)


@dataclass(frozen=True)
class Programs:
    """The two programs that a window needs."""

    chromium: str
    chromedriver: str


@dataclass(frozen=True)
class Arrow:
    """A relationship as it is drawn; its caption is cut where it is longer than the arrow."""

    caption: str
    color: str
    element: WebElement


def find_programs() -> Programs | None:
    """Chromium or Chrome with its driver, where both are on the PATH."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    chromium = next(filter(None, map(shutil.which, names)), None)
    chromedriver = shutil.which("chromedriver")
    return Programs(chromium, chromedriver) if chromium and chromedriver else None


def needed_programs() -> Programs:
    """The two programs; where they are not, the test is skipped, but not on CI."""
    found = find_programs()
    if found is None:
        reason = "Chromium (or Chrome) and chromedriver are not on the PATH"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason}, and on CI this must be tested")
        pytest.skip(reason)
    return found


@contextlib.contextmanager
def opened(programs: Programs, address: str) -> Iterator[Window]:
    """A window of a browser with no past that shows an address; closed at the end."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = ChromeOptions()
        options.binary_location = programs.chromium
        for option in (*OPTIONS, f"--user-data-dir={profile}"):
            options.add_argument(option)
        driver = Chrome(options=options, service=ChromeService(programs.chromedriver))
        try:
            # The page's own size, which a window's size is not: it has a frame and bars.
            metrics = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
            driver.get(address)
            yield Window(driver)
        finally:
            driver.quit()


class Window:
    """One window that shows Neo4j Browser."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    def log_in(self, username: str, password: str) -> str:
        """Fill in the form of the first connection and send it off.

        Returns:
            The address that Browser proposed to connect to, which is left as it is.
        """
        scheme = self.shown(by_test_id("bolt-scheme-select")).get_property("value")
        address = self.shown(by_test_id("boltaddress")).get_property("value")
        self.shown(by_test_id("username")).send_keys(username)
        self.shown(by_test_id("password")).send_keys(password)
        self.click(by_test_id("connect"))
        self.until(
            "the login is accepted",
            lambda: any("You are connected as user" in frame.text for frame in self.frames()),
        )
        return f"{scheme}{address}"

    def run(self, command: str) -> WebElement:
        """Type a query or a ``:command`` into the editor and run it.

        Returns:
            The frame with its answer, or with an error.
        """
        before = {frame.id for frame in self.frames()}
        editor = "[data-testid=activeEditor]"
        self.click(f"{editor} .monaco-editor")
        keyboard = self.shown(f"{editor} textarea.inputarea", visible=False)
        keyboard.send_keys(Keys.CONTROL, "a")
        keyboard.send_keys(Keys.DELETE)
        # Pasted in one piece: typed letter by letter, the editor would complete and indent it.
        self.driver.execute_cdp_cmd("Input.insertText", {"text": command})
        self.click(by_test_id("editor-Run"))
        return self.until(f"{command[:60]!r} is answered", lambda: self.answer(before))

    def frames(self) -> list[WebElement]:
        """The answers on the page, the newest first."""
        return self.driver.find_elements(By.CSS_SELECTOR, by_test_id("frame"))

    def shown(self, selector: str, visible: bool = True) -> WebElement:
        """The first element that a selector finds, once there is one to be seen."""

        def look() -> WebElement | None:
            found = self.driver.find_elements(By.CSS_SELECTOR, selector)
            return next((one for one in found if one.is_displayed() or not visible), None)

        return self.until(f"{selector} is there", look)

    def click(self, selector: str) -> None:
        """Click what a selector finds, once it takes clicks."""

        def attempt() -> bool:
            button = self.driver.find_element(By.CSS_SELECTOR, selector)
            if button.is_displayed() and button.is_enabled():
                button.click()
                return True
            return False

        self.until(f"{selector} can be clicked", attempt)

    def until(self, what: str, look: Callable[[], T | None]) -> T:
        """Wait until ``look`` finds something; the page may change under it meanwhile."""
        passing = (
            NoSuchElementException,
            StaleElementReferenceException,
            ElementClickInterceptedException,
        )
        wait = WebDriverWait(self.driver, SECONDS, ignored_exceptions=passing)
        # wait.until ends with the first result that is neither None nor False.
        return cast(T, wait.until(lambda _: look(), f"not within {SECONDS} s: {what}"))

    def answer(self, before: set[str]) -> WebElement | None:
        frame = next((frame for frame in self.frames() if frame.id not in before), None)
        # A new frame is there before anything of it can be seen.
        if frame is None or not frame.text.strip():
            return None
        # A graph, a table, an error or the style in force, or parameters.
        answers = ("g.node", "table", "pre", by_test_id("rawParamData"))
        if frame.find_elements(By.CSS_SELECTOR, ", ".join(answers)):
            return frame
        return frame if NO_RECORDS in frame.text else None


def nodes(frame: WebElement) -> list[str]:
    """Captions of the nodes that a frame draws; long ones are broken and cut."""
    drawn = frame.find_elements(By.CSS_SELECTOR, "svg g.node")
    return [" ".join(node.text.split()) for node in drawn]


def relationships(frame: WebElement) -> list[Arrow]:
    """The relationships that a frame draws."""
    drawn = frame.find_elements(By.CSS_SELECTOR, "svg g.relationship")
    return [
        Arrow(
            relationship.text,
            str(relationship.find_element(By.CSS_SELECTOR, "path.b-outline").get_attribute("fill")),
            relationship,
        )
        for relationship in drawn
    ]


def table(frame: WebElement) -> list[list[str]]:
    """The cells that a frame shows as a table, its headings first; texts have no quotes."""
    rows = frame.find_elements(By.CSS_SELECTOR, "table tr")
    cells = [row.find_elements(By.CSS_SELECTOR, "th, td") for row in rows]
    # The first column holds the rows' numbers.
    return [[cell.text.strip('"') for cell in row[1:]] for row in cells]


def error(frame: WebElement) -> str:
    """The error that a frame shows, or nothing."""
    shown = frame.find_elements(By.CSS_SELECTOR, by_test_id("cypherFrameErrorMessage"))
    return frame.text if shown else ""


def by_test_id(name: str) -> str:
    """The selector of an element by the name that Browser's own tests know it by."""
    return f'[data-testid="{name}"]'
