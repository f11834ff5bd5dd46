"""The Docker files as far as they can be checked without Docker: form, paths, secrets."""

import re
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from kgplatform.cli import cli
from kgplatform.server import NEO4J_VERSION

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"


@pytest.fixture
def services() -> dict[str, Any]:
    compose = yaml.safe_load((DOCKER / "compose.yaml").read_text())
    named = {
        volume.split(":")[0]
        for service in compose["services"].values()
        for volume in service["volumes"]
    }
    assert named == set(compose["volumes"])
    services: dict[str, Any] = compose["services"]
    return services


def test_neo4j_is_the_release_of_the_local_server(services: dict[str, Any]) -> None:
    release = ".".join(NEO4J_VERSION.split(".")[:2])
    assert services["neo4j"]["image"] == f"neo4j:{release}-community"
    assert services["neo4j"]["healthcheck"]["test"][0] == "CMD-SHELL"
    assert services["kgplatform"]["depends_on"]["neo4j"]["condition"] == "service_healthy"


def test_ports_are_published_on_loopback_only(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert len(ports) == 3
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_password_comes_from_the_environment(services: dict[str, Any]) -> None:
    assert services["neo4j"]["environment"]["NEO4J_AUTH"].startswith("neo4j/${NEO4J_PASSWORD:?")
    assert services["kgplatform"]["environment"]["NEO4J_PASSWORD"].startswith("${NEO4J_PASSWORD:?")


def test_the_service_has_keys_and_the_extras_that_it_needs(services: dict[str, Any]) -> None:
    service = services["service"]
    assert service["environment"]["KGP_API_KEYS"].startswith("${KGP_API_KEYS:?")
    assert service["environment"]["NEO4J_PASSWORD"].startswith("${NEO4J_PASSWORD:?")
    assert service["build"]["args"]["EXTRAS"] == "[serve,mcp]"
    assert service["depends_on"]["neo4j"]["condition"] == "service_healthy"
    # What the command understands; the password and the keys are no part of it.
    name, *arguments = service["command"]
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    with command.make_context(name, arguments) as context:
        assert context.params["host"] == "0.0.0.0"


def test_the_image_is_built_from_what_is_there_and_runs_as_nobody_special(
    services: dict[str, Any],
) -> None:
    build = services["kgplatform"]["build"]
    assert (DOCKER / build["context"]).resolve() == ROOT
    dockerfile = ROOT / build["dockerfile"]
    text = dockerfile.read_text()
    kept = {
        line.removeprefix("!")
        for line in dockerfile.with_name("Dockerfile.dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    copied = {
        name
        for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE)
        for name in sources.split()
    }
    assert copied == kept
    assert all((ROOT / name).exists() for name in copied)
    assert text.index("\nUSER kgplatform") < text.index("\nENTRYPOINT")
