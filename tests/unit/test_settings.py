from pathlib import Path

import pytest

from kgplatform.errors import UsageError
from kgplatform.settings import Settings, load_settings

VARIABLES = [name.upper() for name in Settings.model_fields] + ["NEO4J_USER", "XDG_CACHE_HOME"]


@pytest.fixture(autouse=True)
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder and none of the tester's settings."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def test_defaults() -> None:
    settings = load_settings()
    assert settings.neo4j_uri is None
    assert settings.neo4j_password is None
    assert settings.neo4j_username == "neo4j"
    assert (settings.kgp_home, settings.kgp_runs) == (Path(".kgplatform"), Path("runs"))


def test_each_place_wins_over_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("kgplatform.yaml").write_text("kgp_runs: from-yaml\nneo4j_uri: bolt://yaml\n")
    assert load_settings().kgp_runs == Path("from-yaml")
    Path(".env").write_text("KGP_RUNS=from-dotenv\n")
    assert load_settings().kgp_runs == Path("from-dotenv")
    monkeypatch.setenv("KGP_RUNS", "from-env")
    assert load_settings().kgp_runs == Path("from-env")
    assert load_settings(kgp_runs=Path("from-flag")).kgp_runs == Path("from-flag")
    assert load_settings(kgp_runs=None).kgp_runs == Path("from-env")
    assert load_settings().neo4j_uri == "bolt://yaml"


@pytest.mark.parametrize("above", ["neo4j_user", "neo4j_username"])
@pytest.mark.parametrize("below", ["neo4j_user", "neo4j_username"])
def test_both_names_of_the_user_keep_the_order_of_places(
    above: str, below: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("kgplatform.yaml").write_text(f"{below}: from-yaml\n")
    assert load_settings().neo4j_username == "from-yaml"
    monkeypatch.setenv(above.upper(), "from-env")
    assert load_settings().neo4j_username == "from-env"
    assert load_settings(neo4j_username="from-flag").neo4j_username == "from-flag"


def test_settings_are_frozen_and_hide_the_password() -> None:
    settings = load_settings(neo4j_password="very-secret")
    for text in (repr(settings), str(settings), str(settings.model_dump())):
        assert "very-secret" not in text
    with pytest.raises(ValueError, match="frozen"):
        settings.kgp_heap = "1g"


@pytest.mark.parametrize(
    "text",
    [
        "a: [",
        "\t: x",
        "kgp_heap: lots",
        "neo4j_uri: [1, 2]",
        "- a\n- b\n",
        "just a text",
        "3",
    ],
)
def test_a_yaml_that_cannot_be_used_is_a_usage_error(text: str) -> None:
    Path("kgplatform.yaml").write_text(text)
    with pytest.raises(UsageError) as refused:
        load_settings()
    assert refused.value.hint
    assert "\n" not in str(refused.value)


def test_a_yaml_that_is_no_text_is_a_usage_error() -> None:
    Path("kgplatform.yaml").write_bytes(b"kgp_runs: \xff\xfe")
    with pytest.raises(UsageError, match=r"kgplatform\.yaml"):
        load_settings()


def test_an_empty_yaml_says_nothing() -> None:
    Path("kgplatform.yaml").write_text("# nothing yet\n")
    assert load_settings().kgp_runs == Path("runs")


def test_a_wrong_value_is_named_without_being_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KGP_HEAP", "hunter2")
    with pytest.raises(UsageError, match="kgp_heap") as refused:
        load_settings()
    assert "hunter2" not in str(refused.value)
