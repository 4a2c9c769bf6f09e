"""How much a key may ask for: requests a minute and megapixels an hour, over a window that moves with time."""

import math
import time

from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter

from app.http.problem_types import RequestFault
from app.http.problems import ProblemError
from app.settings import ApiSettings
from workers.keys.record import ApiKey
from workers.redis_connection import connected, reachable

QUOTA_PROBLEMS = (RequestFault.REQUEST_LIMIT, RequestFault.PIXEL_LIMIT)


class Quotas:
    """Counts by key: in Redis for all web processes together, else in this process's memory."""

    def __init__(self, settings: ApiSettings) -> None:
        url = settings.redis_url
        if url is None:
            self._limiter = MovingWindowRateLimiter(MemoryStorage())
        else:
            pool = connected(url.get_secret_value()).connection_pool
            storage = RedisStorage(url.get_secret_value(), connection_pool=pool, key_prefix="limen:quota")
            self._limiter = MovingWindowRateLimiter(storage)
        self._settings = settings

    def count_request(self, key: ApiKey | None, *, requests: int = 1) -> None:
        """One more request that makes work, or several. Raises: ProblemError if it is one too many."""
        if key is None:
            return
        limit = key.requests_per_minute or self._settings.key_requests_per_minute
        if limit is not None:
            detail = f"This key may send {limit} requests of work a minute."
            self._count(RateLimitItemPerMinute(limit), key, requests, RequestFault.REQUEST_LIMIT, detail)

    def count_pixels(self, key: ApiKey | None, pixels: int) -> None:
        """Pixels of the images of one request; megapixels that have begun count whole. Raises: ProblemError."""
        if key is None or pixels == 0:
            return
        limit = key.megapixels_per_hour or self._settings.key_megapixels_per_hour
        if limit is not None:
            megapixels = math.ceil(pixels / 1e6)
            detail = f"This key may send {limit} megapixels an hour; this request has {megapixels}."
            self._count(RateLimitItemPerHour(limit), key, megapixels, RequestFault.PIXEL_LIMIT, detail)

    def _count(self, limit: RateLimitItem, key: ApiKey, cost: int, fault: RequestFault, detail: str) -> None:
        with reachable():
            if self._limiter.hit(limit, key.id, cost=cost):
                return
            until = self._limiter.get_window_stats(limit, key.id).reset_time
        wait_s = max(1, math.ceil(until - time.time()))
        raise ProblemError(fault, detail, headers={"Retry-After": str(wait_s)})
