"""Settings of the web process, read once at start from ``LIMEN_*`` variables."""

from urllib.parse import urlsplit

from pydantic import Field, field_validator

from workers.settings import BrokerSettings, ByCommas


class ApiSettings(BrokerSettings):
    """What the web process needs besides what it shares with the workers."""

    receive_idle_s: float = Field(default=15.0, gt=0, description="longest pause inside an upload before 408")
    receive_total_s: float = Field(default=120.0, gt=0, description="longest time for a whole upload before 408")
    max_wait_s: int = Field(default=120, ge=0, description="longest time that Prefer: wait holds a request")
    keep_alive_s: float = Field(default=15.0, gt=0, description="pause between comments on a quiet event stream")
    docs: bool = Field(default=True, description="serve /docs and /openapi.json")
    access_log: bool = Field(default=True, description="write one JSON line per request to standard error")
    allow_anonymous: bool = Field(
        default=False, description="take requests without a key, also where keys are in use or others reach the service"
    )
    key_requests_per_minute: int | None = Field(
        default=None,
        ge=1,
        le=100_000,
        description="requests of work a minute for each key that has no limit of its own",
    )
    key_megapixels_per_hour: int | None = Field(
        default=None, ge=1, le=1_000_000, description="megapixels an hour for each key that has no limit of its own"
    )
    cors_origins: ByCommas = Field(
        default=(), description="web origins, by commas, whose pages may use the service, as https://shop.example"
    )

    blob_presign: bool = Field(
        default=False,
        description="answer for a file of a result with its address in the object store, good for 5 minutes",
    )
    max_batch_bytes: int = Field(default=1 << 30, ge=1024, description="largest body of a batch")
    batch_receive_s: float = Field(default=900.0, gt=0, description="longest time for the body of a batch before 408")

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            parts = urlsplit(origin)
            if (
                parts.scheme not in ("http", "https")
                or origin != f"{parts.scheme}://{parts.netloc}"
                or not parts.netloc
            ):
                raise ValueError(f"{origin!r} is no origin such as https://shop.example")
        return value
