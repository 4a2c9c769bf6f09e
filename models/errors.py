"""Domain errors of the models: facts and a failure code, no HTTP.

LimenError
├── ImageTypeUnsupportedError      image-type-unsupported    not an image, or a format or variant that is not read
├── ImageUndecodableError          image-undecodable         the right type, but broken
├── ImageTooLargeError             image-too-large           more pixels, or a longer side, than allowed
├── ImageSizesDifferError          image-sizes-differ        reference and distorted image do not match
├── InvalidParameterError          parameter-invalid         a value outside its range
├── InvalidDistributionError       distribution-invalid      GEV parameters that describe no distribution
├── TargetUnreachableError         target-unreachable        no setting meets the asked share or size
├── ContainerInvalidError          container-invalid         not a VarJPEG container, or a damaged one
└── ModelArtefactError             model-invalid             a weight file does not match its manifest entry
"""

from typing import ClassVar


class LimenError(Exception):
    """Base of all domain errors; ``code`` is a stable, public identifier."""

    code: ClassVar[str]


class ImageTypeUnsupportedError(LimenError):
    """The bytes are no image, or one of a format or variant that is not read."""

    code = "image-type-unsupported"


class ImageUndecodableError(LimenError):
    """The bytes claim a supported format but cannot be decoded."""

    code = "image-undecodable"


class ImageTooLargeError(LimenError):
    """The header announces more pixels, or a longer side, than allowed."""

    code = "image-too-large"


class ImageSizesDifferError(LimenError):
    """Reference and distorted image (or image and mask) differ in size."""

    code = "image-sizes-differ"


class InvalidParameterError(LimenError):
    """A parameter lies outside its documented range."""

    code = "parameter-invalid"


class InvalidDistributionError(LimenError):
    """Parameters that describe no generalised extreme value distribution."""

    code = "distribution-invalid"


class TargetUnreachableError(LimenError):
    """No encoder setting satisfies the asked share of viewers or size."""

    code = "target-unreachable"


class ContainerInvalidError(LimenError):
    """The bytes are no VarJPEG container, or a damaged one."""

    code = "container-invalid"


class ModelArtefactError(LimenError):
    """A weight file is missing or differs from its manifest entry."""

    code = "model-invalid"
