"""Settings of the web process, read once at start from ``LIMEN_*`` variables."""

from pydantic import Field

from workers.settings import BrokerSettings


class ApiSettings(BrokerSettings):
    """What the web process needs besides what it shares with the workers."""

    max_upload_bytes: int = Field(default=32 << 20, ge=1024, description="largest file that is taken")
    receive_idle_s: float = Field(default=15.0, gt=0, description="longest pause inside an upload before 408")
    receive_total_s: float = Field(default=120.0, gt=0, description="longest time for a whole upload before 408")
    max_wait_s: int = Field(default=120, ge=0, description="longest time that Prefer: wait holds a request")
    keep_alive_s: float = Field(default=15.0, gt=0, description="pause between comments on a quiet event stream")
    docs: bool = Field(default=True, description="serve /docs and /openapi.json")
    access_log: bool = Field(default=True, description="write one JSON line per request to standard error")
