"""Makes the pictures of docs/images/browser*.png: Neo4j Browser with the graph of `kgp demo`.

In a folder where `kgp demo` and `kgp browser install` have run, with a file notes.md that says
"Ruritania borders Poland.", and after

    kgp schema countries > schema.yaml
    kgp extract notes.md --graph countries --schema schema.yaml --accept 0.995

this writes them into the repository, or into FOLDER:

    PYTHONPATH=REPOSITORY/tests/support python REPOSITORY/tests/browser/screenshot.py [FOLDER]
"""

from __future__ import annotations

import sys
from pathlib import Path

from browser_window import Window, error, find_programs, opened, relationships
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from kgplatform import server
from kgplatform.browser.contents import read_contents
from kgplatform.browser.editor import filled
from kgplatform.browser.style import CANDIDATE, PREDICTED
from kgplatform.connection import open_store
from kgplatform.settings import load_settings

FOLDER = Path(__file__).parents[2] / "docs" / "images"
MOST_BYTES = 400_000
GRAPH = "countries"

QUERY = """\
// Languages that a country is predicted to speak (red), and the neighbours that speak them
MATCH (c:Country)-[:IN_REGION]->(:Entity {graph: 'countries', name: 'Europe'})
MATCH (c)-[p:PREDICTED {relation: 'SPEAKS'}]->(l:Language)
MATCH (c)-[b:BORDERS]->(n:Country)-[s:SPEAKS]->(l)
RETURN c, p, l, b, n, s"""


def main() -> None:
    """Draw the demo's graph and write its pictures."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    programs = find_programs()
    info = server.running(load_settings())
    if programs is None or info is None:
        sys.exit("this needs chromium and chromedriver, and the server that `kgp demo` leaves")
    with open_store() as store:
        contents = read_contents(store, GRAPH)
    if contents.candidate is None or contents.link is None:
        sys.exit("nothing is predicted, or no text was read: see at the top of this file")
    with opened(programs, info.browser) as window:
        window.log_in(info.username, info.password)
        _show_guide(window)
        _keep(window, folder / "browser_guide.png")
    with opened(programs, info.browser) as window:
        window.log_in(info.username, info.password)
        window.until("the style is there", lambda: "/style.json" in _shown(window))
        _draw_results_only(window)
        frame = _drawn(window, QUERY)
        _select(window, frame, _predicted(frame))
        _keep(window, folder / "browser.png")
        window.click("[title='Close fullscreen']")
        frame = _drawn(window, filled("show_candidate", contents.params()))
        _select_candidate(window, frame)
        _keep(window, folder / "browser_candidate.png")


def _show_guide(window: Window) -> None:
    """The guide beside what a query of it has drawn."""
    window.until("the guide plays", lambda: "What is in here" in _shown(window))
    window.until("the style is there", lambda: "/style.json" in _shown(window))
    _draw_results_only(window)
    window.click("[data-exec^='guide ']")
    drawer = "#guide-drawer"
    while "Predicted beside asserted" not in window.shown(drawer).text:
        window.click("[data-testid=guideNextSlide]")
    before = {frame.id for frame in window.frames()}
    window.click(f"{drawer} pre.runnable i")
    frame = window.until("it is drawn", lambda: window.answer(before))
    _settle(window, frame)


def _drawn(window: Window, query: str) -> WebElement:
    """The answer to a query, drawn over the whole page."""
    frame = window.run(query)
    if error(frame):
        sys.exit(error(frame))
    frame.find_element(By.CSS_SELECTOR, "[title=Fullscreen]").click()
    _settle(window, frame)
    _zoom(window, frame)
    return frame


def _select_candidate(window: Window, frame: WebElement) -> None:
    """Let the panel show the candidate: its status, its probability and the reasons for it."""
    circle = frame.find_element(By.CSS_SELECTOR, f"g.node circle[fill='{CANDIDATE}']")
    clicked = "arguments[0].dispatchEvent(new MouseEvent('click', {bubbles: true}))"
    window.driver.execute_script(clicked, circle)
    panel = frame.find_element(By.CSS_SELECTOR, "[data-testid=vizInspector]")
    window.until("the panel shows the candidate", lambda: "reason" in panel.text)


def _click(window: Window, arrow: WebElement) -> None:
    # Not by the mouse, in whose way other arrows may be.
    overlay = arrow.find_element(By.CSS_SELECTOR, "path.overlay")
    pressed = "arguments[0].dispatchEvent(new MouseEvent('mousedown', {bubbles: true}))"
    window.driver.execute_script(pressed, overlay)


def _is_selected(arrow: WebElement) -> bool:
    return "selected" in (arrow.get_attribute("class") or "")


def _shown(window: Window) -> str:
    return "\n".join(frame.text for frame in window.frames())


def _keep(window: Window, file: Path) -> None:
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
    return [arrow.element for arrow in relationships(frame) if arrow.color == PREDICTED]


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
    zoom_in = frame.find_element(By.CSS_SELECTOR, "[aria-label=zoom-in]")
    while _all_visible(frame) and zoom_in.is_enabled():
        zoom_in.click()
        _settle(window, frame)
        _centre(window, frame)
    if not _all_visible(frame):
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


def _select(window: Window, frame: WebElement, arrows: list[WebElement]) -> None:
    """Click predicted links until the panel shows that of the highest confidence."""
    confidences = [_confidence(window, frame, arrow) for arrow in arrows]
    _confidence(window, frame, arrows[confidences.index(max(confidences))])


def _confidence(window: Window, frame: WebElement, arrow: WebElement) -> float:
    panel = frame.find_element(By.CSS_SELECTOR, "[data-testid=vizInspector]")
    if not _is_selected(arrow):
        _click(window, arrow)
    window.until(
        "the panel shows the link", lambda: _is_selected(arrow) and "confidence" in panel.text
    )
    return float(panel.text.split("confidence")[1].split()[0])


if __name__ == "__main__":
    main()
