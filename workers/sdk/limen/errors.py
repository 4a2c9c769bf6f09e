"""What a service says that went wrong, as exceptions."""

from collections.abc import Mapping, Sequence
from typing import Any

from models.errors import LimenError


class ProblemError(LimenError):
    """A service refused or failed: ``status`` of HTTP, and of its problem (RFC 9457) ``code``, the end of its type,
    ``title``, ``detail``, and the ``errors`` by field. What is no problem has the code ``no-problem``. The
    status of an image of a batch is 422 whatever its code.
    """

    code: str  # type: ignore[misc]  # here each error has its own

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.type = str(problem.get("type", ""))
        self.code = self.type.rpartition("/")[2] or "no-problem"
        self.title = str(problem.get("title", f"status {status}"))
        self.detail = str(problem.get("detail", ""))
        self.errors: Sequence[Mapping[str, str]] = problem.get("errors") or ()
        faults = "; ".join(f"{fault['field']}: {fault['message']}" for fault in self.errors)
        super().__init__(": ".join(said for said in (self.title, faults or self.detail) if said))


class UnreachableError(LimenError):
    """No service answers at that address."""

    code = "unreachable"
