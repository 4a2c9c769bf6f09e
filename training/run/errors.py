"""Why a run stops: RunError > OtherInputsError, NoStepsError, NotFiniteError. Each says what, and where."""


class RunError(Exception):
    """A run cannot be what it was asked to be."""


class OtherInputsError(RunError):
    """Checkpoints lie where this run writes its own, and come of other data, start weights, configuration or code."""


class NoStepsError(RunError):
    """There is too little to make one batch of, so that nothing would be learned."""


class NotFiniteError(RunError):
    """A loss or a figure is infinite or not a number."""
