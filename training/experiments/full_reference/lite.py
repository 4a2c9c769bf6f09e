"""Preset ``lite``, which is shipped: the streams, then the FC layers on everything and those of the folds."""

from training.experiments.full_reference.config import FullReferenceConfig
from training.experiments.full_reference.heads import fit_heads
from training.experiments.full_reference.parts import part_of
from training.experiments.full_reference.streams import fit_streams, fitted_streams
from training.networks.multiscale_fr import MultiscaleFr
from training.run.fit import load_best


def fit(config: FullReferenceConfig) -> None:
    """Fit the streams, then the FC layers on everything, then those of the folds that measure them."""
    fit_streams(config)
    fit_heads(config)


def fitted_network(config: FullReferenceConfig) -> MultiscaleFr:
    """The network with the weights that ship. Raises: FileNotFoundError before a fit."""
    network = fitted_streams(config)
    load_best(network.head, part_of(config, "all"))
    return network.eval()
