"""Settings of the broker and of the workers, read once at start from ``LIMEN_*`` variables."""

from importlib.util import find_spec
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import unquote, urlsplit

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from models.viewing import DEFAULT_OBSERVER
from workers.outbound.guard import HostRule

_REDIS_SCHEMES = ("redis://", "rediss://", "unix://")
OBJECT_STORES = ("s3", "gs", "az")
"""Schemes of ``blob_url`` that name a bucket."""


def _by_commas(value: Any) -> Any:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


ByCommas = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_by_commas)]
"""Texts that an environment variable holds with commas between them."""


def _has_otel() -> bool:
    """Whether the extra ``otel`` is installed; looked up, not imported."""
    try:
        return find_spec("opentelemetry.exporter.otlp.proto.http") is not None
    except ModuleNotFoundError:  # not even the packages above it
        return False


class BrokerSettings(BaseSettings):
    """What the web process and the workers must agree on. Without ``redis_url`` everything runs in one process."""

    model_config = SettingsConfigDict(env_prefix="LIMEN_", env_nested_delimiter="__", frozen=True)

    redis_url: SecretStr | None = Field(default=None, description="redis://host:port/db; unset: embedded mode")
    blob_dir: Path | None = Field(
        default=None, description="shared folder for images and results; Redis needs this or the next"
    )
    blob_url: str | None = Field(
        default=None,
        description="the same as an address, used first: s3://bucket/prefix, gs://, az:// (extra objects), file:///folder",
    )
    data_dir: Path = Field(
        default=Path(".limen"), description="folder of the embedded mode: job records, studies, images and results"
    )
    queue_limit: int = Field(default=256, ge=1, description="unfinished jobs accepted before 429")
    job_expiry_s: int = Field(default=24 * 3600, ge=1, description="how long a finished job and its files are kept")
    hard_limit_s: int = Field(default=120, ge=1, description="a run is killed after this time")
    soft_limit_s: int = Field(default=90, ge=1, description="a run is stopped at its next tile after this time")
    max_pixels: int = Field(default=64_000_000, ge=1, description="largest image, in pixels; read from its header")
    max_side: int = Field(default=16384, ge=1, description="longest side of an image, in pixels")
    max_aspect: int = Field(default=200, ge=1, description="longest side over shortest side of an image")
    study_limit: int = Field(default=20, ge=0, description="observer studies kept at once; 0: none are taken")
    profile: str = Field(
        default=DEFAULT_OBSERVER,
        pattern=r"^[a-z0-9-]{1,64}$",
        description="observer profile of requests that name none",
    )

    max_upload_bytes: int = Field(default=32 << 20, ge=1024, description="largest file that is taken")
    batch_limit: int = Field(default=20, ge=0, description="unfinished batches accepted before 429; 0: none are taken")
    webhook_secret: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="what the secrets that sign webhooks are made from; unset: none are sent",
    )
    webhook_hosts: ByCommas = Field(
        default=(), description="hosts that webhooks go to, by commas: hooks.example.com, *.example.com, or *"
    )
    webhook_retry_s: float = Field(
        default=5.0, gt=0, description="pause after a webhook that was not taken; five pauses, each five times as long"
    )
    fetch_hosts: ByCommas = Field(
        default=(), description="hosts that images may be fetched from, as of webhooks; unset: none are fetched"
    )
    fetch_limit_s: float = Field(default=20.0, gt=0, description="longest time to fetch an image")
    outbound_networks: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, BeforeValidator(_by_commas)] = Field(
        default=(), description="private networks, by commas, that hosts may lie in, as 10.1.0.0/16"
    )
    otlp_endpoint: str | None = Field(
        default=None,
        pattern=r"^https?://[^/\s]+",
        description="OTLP/HTTP collector that gets traces (extra `otel`), as http://collector:4318; unset: none",
    )

    @field_validator("otlp_endpoint")
    @classmethod
    def _can_be_sent_to(cls, value: str | None) -> str | None:
        if value is not None and not _has_otel():
            raise ValueError("traces need the extra otel: pip install 'limen[otel]'")
        return value

    @field_validator("webhook_hosts", "fetch_hosts")
    @classmethod
    def _host_rules(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            HostRule.of(text)
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis_address(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(_REDIS_SCHEMES):
            raise ValueError(f"begins with none of {', '.join(_REDIS_SCHEMES)}")
        return value

    @field_validator("blob_url")
    @classmethod
    def _blob_place(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        bucket = parts.scheme in OBJECT_STORES and bool(parts.netloc) and "@" not in parts.netloc
        folder = parts.scheme == "file" and not parts.netloc and parts.path.startswith("/")
        if not (bucket or folder) or parts.query or parts.fragment:
            raise ValueError(f"{value!r} is none of s3://bucket/prefix, gs://..., az://..., file:///folder")
        if bucket and find_spec("obstore") is None:
            raise ValueError(f"{parts.scheme}:// needs a package that is missing: pip install 'limen[objects]'")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.redis_url is not None and self.blob_dir is None and self.blob_url is None:
            raise ValueError(
                "LIMEN_BLOB_URL or LIMEN_BLOB_DIR is needed beside LIMEN_REDIS_URL: web process and workers share it"
            )
        if self.soft_limit_s > self.hard_limit_s:
            raise ValueError("LIMEN_SOFT_LIMIT_S must not exceed LIMEN_HARD_LIMIT_S")
        return self

    @property
    def embedded(self) -> bool:
        """True when web process and worker share one process and its memory."""
        return self.redis_url is None

    @property
    def object_store(self) -> str | None:
        """Address of the bucket for images and results, if they are kept in one."""
        return None if self.blob_url is None or self.blob_url.startswith("file:") else self.blob_url

    @property
    def blob_folder(self) -> Path | None:
        """The folder for images and results, if one is named."""
        if self.blob_url is None:
            return self.blob_dir
        return None if self.object_store is not None else Path(unquote(urlsplit(self.blob_url).path))

    @property
    def sends_webhooks(self) -> bool:
        """Whether webhooks are set up."""
        return self.webhook_secret is not None and bool(self.webhook_hosts)

    @property
    def visibility_timeout_s(self) -> int:
        """After this Redis delivers an unacknowledged message again: never while a run may still be alive."""
        return 2 * self.hard_limit_s + 60

    @property
    def blob_expiry_s(self) -> int:
        """An hour more than the records, so that no record outlives its files."""
        return self.job_expiry_s + 3600


class WorkerSettings(BrokerSettings):
    """What only the process that runs the models needs."""

    concurrency: int | None = Field(
        default=None, ge=1, le=64, description="jobs run at once; unset: as many as processors in embedded mode, else 1"
    )
    threads: int | None = Field(
        default=None,
        ge=1,
        le=64,
        description="threads that work on one photo; unset: the processors, shared by the jobs of the embedded mode",
    )
    device: Literal["cpu", "cuda", "auto"] = Field(
        default="auto", description="where graphs run; a GPU that does not say what the CPU says is refused"
    )
    profiles: Path | None = Field(default=None, description="folder of observer profiles (*.json) beside the shipped")
    max_memory_per_child_mb: int = Field(
        default=3072,
        ge=128,
        description="a process that runs jobs is replaced after one if it holds more then",
    )
    max_tasks_per_child: int = Field(
        default=200, ge=1, description="a process that runs jobs is replaced after so many"
    )
    max_address_space_mb: int | None = Field(
        default=None, ge=1024, description="RLIMIT_AS of a process that runs jobs; unset: no limit (CUDA needs none)"
    )

    @field_validator("profiles")
    @classmethod
    def _folder_is_there(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_dir():
            raise ValueError(f"{value} is no folder")
        return value
