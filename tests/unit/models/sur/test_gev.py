"""GEV arithmetic of the satisfied user ratio."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import InvalidDistributionError, InvalidParameterError
from models.sur.gev import (
    LEVELS,
    GevParameters,
    bhattacharyya_distance,
    fit_gev,
    percent_jnd,
    percent_sur,
    still_satisfied,
    sur_curve,
)

# Lin et al. 2020, Table 6: photo, (mu, sigma, xi, 50 % JND) of the ground truth and of SUR-FeatNet, distance.
PUBLISHED = [
    (1, (15.32, 3.84, -0.22, 85), (11.24, 6.90, 0.13, 88), 0.1977),
    (2, (22.93, 8.70, -0.09, 75), (17.64, 15.26, 0.18, 78), 0.1343),
    (5, (17.35, 5.52, 0.16, 82), (16.52, 7.70, 0.03, 82), 0.0355),
    (12, (26.18, 10.06, 0.33, 71), (14.53, 8.57, 0.17, 84), 0.2373),
    (20, (25.99, 10.56, -0.48, 72), (20.16, 10.21, -0.22, 78), 0.0497),
    (31, (12.90, 4.55, 0.20, 87), (9.51, 7.10, -0.36, 90), 0.1596),
    (37, (28.27, 15.47, -0.10, 68), (19.36, 9.31, 0.34, 79), 0.0813),
    (50, (10.05, 3.95, 0.11, 90), (14.89, 5.19, 0.03, 85), 0.1159),
]
GEVS = st.builds(GevParameters, st.floats(8, 60), st.floats(2, 20), st.floats(-0.8, 0.8))


@pytest.mark.parametrize(("photo", "truth", "predicted", "distance"), PUBLISHED)
def test_published_rows(photo: int, truth: tuple[float, ...], predicted: tuple[float, ...], distance: float) -> None:
    a, b = GevParameters(*truth[:3]), GevParameters(*predicted[:3])
    assert (percent_jnd(a, 50), percent_jnd(b, 50)) == (truth[3], predicted[3])
    assert bhattacharyya_distance(a, b) == pytest.approx(distance, abs=0.002)


@given(GEVS)
def test_curve_never_rises_and_stays_a_share(gev: GevParameters) -> None:
    sur = sur_curve(gev, LEVELS)
    assert sur.shape == (100,)
    assert ((sur >= 0) & (sur <= 1)).all()
    assert (np.diff(sur) <= 0).all()


@settings(max_examples=50, deadline=None)
@given(GEVS)
def test_full_curve_is_found_again(gev: GevParameters) -> None:
    sur = sur_curve(gev)
    assert np.abs(sur_curve(fit_gev(LEVELS, sur)) - sur).max() < 2e-3


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 100), st.floats(0, 1)), min_size=1, max_size=12))
def test_any_samples_give_a_valid_curve(samples: list[tuple[int, float]]) -> None:
    levels, sur = zip(*samples, strict=True)
    curve = sur_curve(fit_gev(levels, sur))
    assert np.isfinite(curve).all()
    assert (np.diff(curve) <= 0).all()


def test_who_has_noticed_stays_dissatisfied() -> None:
    assert still_satisfied([1, 50, 75, 100], [1, 0.4, 0.7, 0.2]).tolist() == [1, 0.4, 0.4, 0.2]
    assert still_satisfied([100, 1, 75, 50], [0.2, 1, 0.7, 0.4]).tolist() == [0.2, 1, 0.4, 0.4]


def test_a_curve_that_hardly_falls_keeps_a_bounded_scale() -> None:
    """What a smooth sky gave under the third JND: 46 % of viewers do not notice even level 100."""
    levels = [1, 50, 75, 81, 84, 85, 87, 93, 96, 100]
    gev = fit_gev(levels, still_satisfied(levels, [1, 1, 0.93, 0.82, 0.74, 0.6, 0.58, 0.71, 0.74, 0.46]))
    assert gev.scale <= 25
    assert sur_curve(gev)[0] > 0.97


def test_constant_samples_stay_where_they_are() -> None:
    assert sur_curve(fit_gev([1, 50, 75, 100], [1, 1, 1, 1])).min() > 0.999
    assert sur_curve(fit_gev([1, 50, 75, 100], [0, 0, 0, 0])).max() < 0.001


@given(GEVS, st.floats(0, 100))
def test_definitions_2_and_4(gev: GevParameters, percent: float) -> None:
    sur = sur_curve(gev)
    noticed = [n for n in LEVELS if 1 - sur[n - 1] >= percent / 100]
    satisfied = [n for n in LEVELS if sur[n - 1] >= percent / 100]
    assert percent_jnd(gev, percent) == (min(noticed) if noticed else 100)
    assert percent_sur(gev, percent) == (max(satisfied) if satisfied else 1)


@given(GEVS, GEVS)
def test_distance_is_symmetric_and_smallest_for_equals(a: GevParameters, b: GevParameters) -> None:
    distance = bhattacharyya_distance(a, b)
    assert distance == bhattacharyya_distance(b, a) >= 0


def test_distance_of_equals_and_of_strangers() -> None:
    gev = GevParameters(25, 6, 0.1)
    assert bhattacharyya_distance(gev, gev) == pytest.approx(0, abs=1e-3)
    assert bhattacharyya_distance(GevParameters(10, 1, -0.9), GevParameters(90, 1, 0.9)) == np.inf


def test_distance_of_very_bounded_distributions_is_finite() -> None:
    """MCL-JCI's published shapes reach -1.4, where the density has a pole at its end."""
    a, b = GevParameters(27, 9, -1.382), GevParameters(25, 9, -1.2)
    assert 0 <= bhattacharyya_distance(a, b) < 1


def test_gumbel_is_the_limit_of_small_shapes() -> None:
    near, limit = sur_curve(GevParameters(25, 6, 2e-6)), sur_curve(GevParameters(25, 6, 0))
    np.testing.assert_allclose(near, limit, atol=1e-5)


@pytest.mark.parametrize("gev", [GevParameters(25, 0, 0), GevParameters(25, -1, 0), GevParameters(np.nan, 1, 0)])
def test_no_distribution(gev: GevParameters) -> None:
    with pytest.raises(InvalidDistributionError):
        sur_curve(gev)
    with pytest.raises(InvalidDistributionError):
        bhattacharyya_distance(gev, gev)


def test_bad_arguments() -> None:
    gev = GevParameters(25, 6, 0)
    for percent in (-1.0, 101.0, float("nan")):
        with pytest.raises(InvalidParameterError):
            percent_jnd(gev, percent)
        with pytest.raises(InvalidParameterError):
            percent_sur(gev, percent)
    for levels, sur in (([], []), ([1, 2], [1.0]), ([1], [float("nan")])):
        with pytest.raises(InvalidParameterError):
            fit_gev(levels, sur)
