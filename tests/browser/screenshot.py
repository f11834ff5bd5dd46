"""Makes docs/images/browser.png: Neo4j Browser with the graph that `kgp demo` leaves.

In the folder where `kgp demo` has run and its server is up:

    PYTHONPATH=REPOSITORY/tests/support python REPOSITORY/tests/browser/screenshot.py [FILE]
"""

from __future__ import annotations

import sys
from pathlib import Path

from browser_window import Window, error, find_programs, opened, relationships
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from kgplatform import server
from kgplatform.settings import load_settings

FILE = Path(__file__).parents[2] / "docs" / "images" / "browser.png"
MOST_BYTES = 400_000

RED = "#D4351C"
# Browser takes a style in one line. Entity comes before the types, which are to prevail.
STYLE = " ".join(
    (
        ":style",
        'node {diameter: 62px; font-size: 12px; caption: "{name}"; color: #A5ABB6;',
        "border-color: #8A909B; text-color-internal: #FFFFFF;}",
        'node.Entity {caption: "{name}";}',
        "node.Country {color: #4C8EDA; border-color: #2870C2; text-color-internal: #FFFFFF;}",
        "node.Language {color: #8DCC93; border-color: #5DB665; text-color-internal: #2E4A30;}",
        'relationship {color: #A5ABB6; shaft-width: 1px; font-size: 9px; caption: "<type>";',
        "padding: 3px; text-color-external: #000000; text-color-internal: #FFFFFF;}",
        f'relationship.PREDICTED {{color: {RED}; shaft-width: 3px; caption: "{{relation}}";}}',
    )
)
QUERY = """\
// Languages that a country is predicted to speak (red), and the neighbours that speak them
MATCH (c:Country)-[:IN_REGION]->(:Entity {graph: 'countries', name: 'Europe'})
MATCH (c)-[p:PREDICTED {relation: 'SPEAKS'}]->(l:Language)
MATCH (c)-[b:BORDERS]->(n:Country)-[s:SPEAKS]->(l)
RETURN c, p, l, b, n, s"""


def main() -> None:
    """Draw the demo's graph and write its picture."""
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else FILE
    programs = find_programs()
    info = server.running(load_settings())
    if programs is None or info is None:
        sys.exit("this needs chromium and chromedriver, and the server that `kgp demo` leaves")
    with opened(programs, info.browser) as window:
        window.log_in(info.username, info.password)
        _draw_results_only(window)
        window.run(STYLE)
        frame = window.run(QUERY)
        if error(frame) or not _predicted(frame):
            sys.exit(error(frame) or "nothing is predicted: run `kgp demo` here first")
        frame.find_element(By.CSS_SELECTOR, "[title=Fullscreen]").click()
        _settle(window, frame)
        _zoom(window, frame)
        _select_the_most_confident(window, frame)
        picture = window.driver.get_screenshot_as_png()
    if len(picture) > MOST_BYTES:
        sys.exit(f"the picture has {len(picture):,} bytes, more than {MOST_BYTES:,}")
    file.write_bytes(picture)
    print(f"{file}: {len(picture):,} bytes")


def _draw_results_only(window: Window) -> None:
    """Switch off that Browser adds all other relationships between the nodes of an answer."""
    window.click("[data-testid=navigationSettings]")
    window.click("[data-testid=setting-autoComplete]")
    window.click("[data-testid=navigationSettings]")


def _predicted(frame: WebElement) -> list[WebElement]:
    return [arrow.element for arrow in relationships(frame) if arrow.color == RED]


def _places(frame: WebElement) -> list[dict[str, float]]:
    return [node.rect for node in frame.find_elements(By.CSS_SELECTOR, "g.node")]


def _settle(window: Window, frame: WebElement) -> None:
    """Wait until the nodes stay where they are from one look to the next."""
    seen: list[list[dict[str, float]]] = [[]]

    def stands() -> bool:
        seen.append(_places(frame))
        return seen[-1] == seen[-2]

    window.until("the nodes stand still", stands)


def _centre(window: Window, frame: WebElement) -> None:
    """Drag the drawing into the middle of what the panel leaves."""
    canvas = frame.find_element(By.CSS_SELECTOR, "svg.neod3viz")
    area, places = _area(frame), _places(frame)
    left = min(node["x"] for node in places)
    right = max(node["x"] + node["width"] for node in places)
    top = min(node["y"] for node in places)
    bottom = max(node["y"] + node["height"] for node in places)
    x = (area["x"] + area["width"] / 2) - (left + right) / 2
    y = (area["y"] + area["height"] / 2) - (top + bottom) / 2
    mouse = ActionChains(window.driver)
    # From the edge with room to drag to, where there is nothing but the canvas.
    edge = canvas.size["height"] // 2 - 10
    mouse.move_to_element_with_offset(canvas, 0, edge if y < 0 else -edge)
    mouse.click_and_hold().move_by_offset(round(x), round(y)).release().perform()
    _settle(window, frame)


def _zoom(window: Window, frame: WebElement) -> None:
    """As near as all nodes can still be seen."""
    _centre(window, frame)
    while _all_visible(frame):
        window.click("[aria-label=zoom-in]")
        _settle(window, frame)
        _centre(window, frame)
    window.click("[aria-label=zoom-out]")
    _settle(window, frame)
    _centre(window, frame)


def _all_visible(frame: WebElement) -> bool:
    area = _area(frame)
    return all(
        area["x"] <= node["x"]
        and node["x"] + node["width"] <= area["x"] + area["width"]
        and area["y"] <= node["y"]
        and node["y"] + node["height"] <= area["y"] + area["height"]
        for node in _places(frame)
    )


def _area(frame: WebElement) -> dict[str, float]:
    """What can be seen of the canvas beside the panel and the buttons for zooming."""
    area = frame.find_element(By.CSS_SELECTOR, "svg.neod3viz").rect
    buttons = frame.find_element(By.CSS_SELECTOR, "[aria-label=zoom-in]").rect
    return {**area, "width": buttons["x"] - area["x"]}


def _select_the_most_confident(window: Window, frame: WebElement) -> None:
    """Click predicted links until the panel shows that of the highest confidence."""
    arrows = _predicted(frame)
    confidences = [_confidence(window, frame, arrow) for arrow in arrows]
    _confidence(window, frame, arrows[confidences.index(max(confidences))])


def _confidence(window: Window, frame: WebElement, arrow: WebElement) -> float:
    panel = frame.find_element(By.CSS_SELECTOR, "[data-testid=vizInspector]")
    before = panel.text
    arrow.find_element(By.CSS_SELECTOR, "path.overlay").click()
    window.until("the panel shows the link", lambda: panel.text != before)
    return float(panel.text.split("confidence")[1].split()[0])


if __name__ == "__main__":
    main()
