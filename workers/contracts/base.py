"""What all requests and all results have in common."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import InitErrorDetails

BlobKey = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the bytes, in hexadecimal")]


class ResultBody(BaseModel, ABC):
    """Base of all results: small figures (under 64 KiB as JSON); members that a newer worker adds are handed on."""

    model_config = ConfigDict(frozen=True, extra="allow")

    @abstractmethod
    def summary(self) -> str:
        """The result in one line for people."""

    def remarks(self) -> list[str]:
        """What was lost or assumed on the way, in plain words."""
        return []


class Request(BaseModel):
    """Base of all requests: immutable, and an unknown field is an error. Images go by key, never by bytes.

    ``files``: the request's field by the part of a form that brings its file; ``result``: what answers it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    files: ClassVar[Mapping[str, str]]
    result: ClassVar[type[ResultBody]]

    capability: str

    @classmethod
    def name(cls) -> str:
        """The capability that is asked for, e.g. ``jnd-map``."""
        return str(cls.model_fields["capability"].default)

    @classmethod
    def task(cls) -> str:
        """Name of the task that serves it, e.g. ``limen.jnd_map``."""
        return f"limen.{cls.name().replace('-', '_')}"

    @classmethod
    def path(cls) -> str:
        """Where it is posted."""
        return f"/v1/{cls.name()}"

    @classmethod
    def parameters(cls) -> list[str]:
        """Fields that a form sends as text: all but files and the capability."""
        return [name for name in cls.model_fields if name != "capability" and name not in cls.files.values()]

    @classmethod
    def of_form(cls, fields: Mapping[str, str], keys: Mapping[str, str], *, observer: str) -> Self:
        """The request in a form: ``fields`` as text, ``keys`` of files by part; ``observer`` where it names none.

        Raises: ValidationError.
        """
        reserved = [name for name in fields if name in cls.model_fields and name not in cls.parameters()]
        if reserved:
            raise ValidationError.from_exception_data(
                cls.__name__, [InitErrorDetails(type="extra_forbidden", loc=(name,), input=None) for name in reserved]
            )
        default = {"observer": observer} if "observer" in cls.model_fields else {}
        return cls.model_validate({**default, **fields, **{cls.files[part]: key for part, key in keys.items()}})

    def form(self) -> dict[str, str]:
        """The text fields of a form that asks for the same; what is not set is left out."""
        said: dict[str, Any] = self.model_dump(mode="json", include=set(self.parameters()), exclude_none=True)
        return {name: str(value) for name, value in said.items()}

    def identity(self) -> str:
        """Text that equal requests share, in this version as in earlier ones: journals and job records keep it."""
        return self.model_dump_json()


def rounded(value: float, digits: int = 4) -> float:
    """A figure as it is told: every number of a result is rounded once, here."""
    return round(float(value), digits)
