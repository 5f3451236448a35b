"""Settings: `GROUNDCT_*` variables, or a `.env` in the working folder. Read once at the edges, passed inwards."""

from pathlib import Path
from typing import Any, Literal

from platformdirs import user_data_path
from pydantic import Field, Json, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from schema.arrays.address import check_address
from schema.errors import SettingsError
from schema.limits import Limits


class Settings(BaseSettings):
    """What can be set from outside: every field is the variable `GROUNDCT_<FIELD>`, or that of its alias."""

    model_config = SettingsConfigDict(
        env_prefix="GROUNDCT_",
        env_nested_delimiter="_",
        env_nested_max_split=1,
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    home: Path = Field(default_factory=lambda: user_data_path("groundct"))
    """Where the embedded server, its socket, the arrays and the demo live."""
    database_url: SecretStr | None = None
    """A PostgreSQL address; without one, an embedded server runs under `home`."""
    owner_url: SecretStr | None = None
    """The owner's address, where it differs from `database_url`."""
    arrays: str | None = None
    """The array store: a folder's path, s3://bucket/prefix or gs://bucket/prefix; `home`/arrays without one."""
    dask_address: str | None = None
    """A Dask scheduler; a local cluster without one."""
    device: Literal["auto", "cpu", "gpu"] = "auto"
    embedding_model: str = "all-MiniLM-L6-v2"
    """`all-MiniLM-L6-v2`, or a folder with its weights."""
    llm_model: str | None = None
    """The language model that reads reports, as the server at OPENAI_BASE_URL calls it."""
    llm_parameters: Json[dict[str, Any]] = Field(default='{"temperature": 0}')  # type: ignore[arg-type] # as a variable has it
    """What is sent with every request beside the texts, as JSON."""
    llm_prices: Path | None = None
    """A file of prices by model, which stand before those that come along."""
    llm_parallel: int = Field(default=8, ge=1, le=64)
    """How many requests run at a time."""
    llm_timeout_s: float = Field(default=120, gt=0)
    openai_api_key: SecretStr | None = Field(default=None, validation_alias="OPENAI_API_KEY")
    openai_base_url: str | None = Field(default=None, validation_alias="OPENAI_BASE_URL")
    """Where the protocol is spoken: OpenAI's own address without it."""
    introspection: bool = True
    """Whether clients may ask what the schema is."""
    page: bool = True
    """Whether there is a page at `/` to try queries."""
    limits: Limits = Limits()
    """What clients may ask for, as `GROUNDCT_LIMITS_<FIELD>`."""

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.expanduser().absolute()

    @property
    def arrays_url(self) -> str:
        """The array store's address: a folder's path, or an object store's URL; SettingsError when it is neither."""
        url = self.arrays or str(self.home / "arrays")
        check_address(url)
        return url


def load_settings() -> Settings:
    """Read the environment and `.env`.

    Raises:
        SettingsError: a variable has a value that cannot be used; the message names it.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(["GROUNDCT", *map(str, first["loc"])]).upper()
        raise SettingsError(f"{name}: {first['msg']}") from error
