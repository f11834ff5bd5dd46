"""One server that the campaign may kill, and the process that its commands come from."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from extraction_commands import answer
from fault_attempts import Scene
from warm_commands import warm

from kgplatform import server as local
from kgplatform.settings import Settings
from kgplatform.store.schema import migrate


@pytest.fixture(scope="session")
def scene(
    tmp_path_factory: pytest.TempPathFactory,
    digest: Callable[..., str],
    model_servers: Callable[..., Any],
) -> Iterator[Scene]:
    """A server of its own, with a schema and nothing else, and a folder to work in."""
    settings = Settings(neo4j_uri=None, kgp_home=tmp_path_factory.mktemp("killed"), kgp_heap="512m")
    folder = tmp_path_factory.mktemp("attempts")
    model = model_servers(lambda heard: answer(heard.document))
    try:
        local.start(settings)
        with warm(folder / "streams") as commands:
            scene = Scene(settings, commands, folder / "work", model.url, digest)
            with scene.store() as store:
                migrate(store)
            yield scene
    finally:
        local.stop(settings)
