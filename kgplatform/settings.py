"""Where things are: flag > environment > ``.env`` > ``kgplatform.yaml`` > default."""

import os
from pathlib import Path
from typing import Any

from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from kgplatform.errors import UsageError
from kgplatform.parsed import parsed_yaml

CONFIG_FILE = "kgplatform.yaml"

_SECRET = SecretStr | None
"""The type of every setting that is a password or a key."""

SERVICE_KEYS = "KGP_API_KEYS"
"""The variable with the keys that `kgp serve` asks its clients for; no setting of its own."""


def _default_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "kgplatform"


class _ConfigFile(YamlConfigSettingsSource):
    """``kgplatform.yaml``, without what a YAML that somebody else wrote could do."""

    def _read_file(self, file_path: Any) -> dict[str, Any]:
        return parsed_yaml(file_path.read_text(encoding="utf-8")) or {}


class Settings(BaseSettings):
    """What a command needs to know about its surroundings; frozen once made.

    Attributes:
        neo4j_uri: Address of an existing server. None: the project's own local server.
        neo4j_username: Its user (``NEO4J_USER`` is read, too).
        neo4j_password: Its password; never printed, never written to a run.
        neo4j_database: Its database; None for the server's default one.
        kgp_home: The project's folder for its local server and its data.
        kgp_cache: What projects share: Neo4j's jars, vectors of texts.
        kgp_runs: Where runs are kept.
        kgp_snapshots: Where snapshots are kept.
        kgp_rules: Where mined rules are kept.
        kgp_jars: A folder (or Maven repository) that holds Neo4j's jars already; None: fetch.
        kgp_browser: Address of Neo4j Browser for an existing server; None: where it says.
        kgp_heap: The local server's largest heap, ``512m`` or ``4g``; None: from the machine.
        kgp_llm_base_url: Address of an OpenAI-compatible endpoint, up to ``/v1``.
        kgp_llm_model: The model to ask for there; None: the only one it has.
        kgp_llm_api_key: Key for it; never printed, never written to a run.
        openai_api_key: Key for OpenAI's own endpoint, and sent to no other.
        kgp_llm_timeout: Seconds that an answer may take.
        kgp_llm_concurrency: Questions that an endpoint is asked at once.
        kgp_llm_requests_a_minute: Most questions a minute; None: as many as it answers.
        kgp_llm_price_in: Price of a million tokens that a model reads; None: unknown.
        kgp_llm_price_out: Price of a million tokens that it writes.
        kgp_llm_context: Tokens that a model in a file holds at once, text and answer together.
        kgp_llm_threads: Threads of a model in a file; None: as many as the machine has cores.
        kgp_accept: Probability from which a fact that texts state is accepted.
        kgp_reject: Probability up to which it is rejected; between them it waits for a person.
        kgp_witnesses: Documents that must state a fact of an entity that the graph does not have,
            else it waits for a person; 1: one may be enough.
        kgp_search_weights: What the channels of a search count for (`kgp tune search`); None: all
            the same.
    """

    model_config = SettingsConfigDict(
        env_file=".env", yaml_file=CONFIG_FILE, extra="ignore", frozen=True
    )

    neo4j_uri: str | None = None
    neo4j_username: str = Field(
        default="neo4j",
        validation_alias=AliasChoices("neo4j_username", "neo4j_user"),
    )
    neo4j_password: SecretStr | None = None
    neo4j_database: str | None = None
    kgp_home: Path = Path(".kgplatform")
    kgp_cache: Path = Field(default_factory=_default_cache)
    kgp_runs: Path = Path("runs")
    kgp_snapshots: Path = Path("snapshots")
    kgp_rules: Path = Path("rules")
    kgp_jars: Path | None = None
    kgp_browser: str | None = Field(default=None, pattern=r"^https?://\S+$")
    kgp_heap: str | None = Field(default=None, pattern=r"^[1-9][0-9]*[mg]$")
    kgp_llm_base_url: str | None = None
    kgp_llm_model: str | None = None
    kgp_llm_api_key: SecretStr | None = None
    openai_api_key: SecretStr | None = None
    kgp_llm_timeout: float = Field(default=120.0, gt=0)
    kgp_llm_concurrency: int = Field(default=4, ge=1)
    kgp_llm_requests_a_minute: float | None = Field(default=None, gt=0)
    kgp_llm_price_in: float | None = Field(default=None, ge=0)
    kgp_llm_price_out: float | None = Field(default=None, ge=0)
    kgp_llm_context: int = Field(default=4_096, ge=512)
    kgp_llm_threads: int | None = Field(default=None, ge=1)
    kgp_accept: float = Field(default=0.9, ge=0, le=1)
    kgp_reject: float = Field(default=0.1, ge=0, le=1)
    kgp_witnesses: int = Field(default=2, ge=1)
    kgp_search_weights: Path | None = None

    @property
    def text_cache(self) -> Path:
        """Where the vectors of texts are kept that encoders have read."""
        return self.kgp_cache.expanduser() / "text"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The order in which a setting is looked for."""
        return init_settings, env_settings, dotenv_settings, _ConfigFile(settings_cls)


def environment_of_children(*needed: str) -> dict[str, str]:
    """This process's environment without passwords and keys, for programs that it starts.

    Java, git and converters need none of them, and some of them live on for days.

    Args:
        needed: Settings that the program needs although they are secret.
    """
    secret = {name for name, field in Settings.model_fields.items() if field.annotation == _SECRET}
    secret = (secret | {SERVICE_KEYS.lower()}) - set(needed)
    return {name: value for name, value in os.environ.items() if name.lower() not in secret}


def load_settings(**flags: object) -> Settings:
    """Settings of this process; flags that are None count as not given.

    Raises:
        UsageError: ``kgplatform.yaml`` or ``.env`` cannot be read or holds a wrong value.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            f"setting {where}: {first['msg']}",
            hint=f"correct it in the environment, in .env or in {CONFIG_FILE}",
        ) from None
    # ValueError and TypeError: a YAML that is a list, a text or a number, and no mapping.
    except (ValueError, TypeError, OSError) as error:
        detail = " ".join(str(error).split())
        raise UsageError(
            f"{CONFIG_FILE} or .env cannot be read: {detail}", hint="correct or remove the file"
        ) from None
