"""Path loss at fixed points, computed by hand from 3GPP TR 38.901, and where its pieces meet."""

import math

import numpy as np
import pytest

from channels import pathloss
from channels.pathloss import MODELS

GHZ = 3.5
F = 3.5e9


def at(name: str, total_m: float, station_m: float | None = None) -> pathloss.Place:
    """The place at a total distance."""
    model = MODELS[name]
    station = station_m or model.station_m
    return pathloss.place(model, math.sqrt(total_m**2 - (station - 1.5) ** 2), F, station, 1.5)


def log(x: float) -> float:
    return math.log10(x)


# 38.901 table 7.4.1-1 at 100 m (offices and factories: 50 m) and 3.5 GHz
CASES = [
    ("umi", "los", 100.0, 32.4 + 21 * 2 + 20 * log(GHZ)),
    ("umi", "nlos", 100.0, 104.5886),
    ("uma", "los", 100.0, 28.0 + 22 * 2 + 20 * log(GHZ)),
    ("uma", "nlos", 100.0, 13.54 + 39.08 * 2 + 20 * log(GHZ)),
    ("inh_mixed", "los", 50.0, 32.4 + 17.3 * log(50) + 20 * log(GHZ)),
    ("inh_mixed", "nlos", 50.0, 17.3 + 38.3 * log(50) + 24.9 * log(GHZ)),
    ("inh_open", "nlos", 2.0, 32.4 + 17.3 * log(2) + 20 * log(GHZ)),  # the line of sight is the worse one here
    ("inf_sl", "los", 50.0, 31.84 + 21.5 * log(50) + 19 * log(GHZ)),
    ("inf_sl", "nlos", 50.0, 33.0 + 25.5 * log(50) + 20 * log(GHZ)),
    ("inf_dl", "nlos", 50.0, 18.6 + 35.7 * log(50) + 20 * log(GHZ)),
    ("inf_dl", "nlos", 10.0, 33.0 + 25.5 * log(10) + 20 * log(GHZ)),  # inf_sl is the worse one here
    ("inf_sh", "nlos", 50.0, 32.4 + 23.0 * log(50) + 20 * log(GHZ)),
    ("inf_dh", "nlos", 50.0, 33.63 + 21.9 * log(50) + 20 * log(GHZ)),
]


@pytest.mark.parametrize(("name", "kind", "total_m", "expected"), CASES)
def test_loss_at_fixed_points(name: str, kind: str, total_m: float, expected: float) -> None:
    loss = getattr(MODELS[name], kind)(at(name, total_m))
    assert float(loss) == pytest.approx(expected, abs=1e-3)


# tables 7.4.1-1 and 7.5-6: shadowing [dB] and its correlation distance [m], both with and without a line of sight; then the
# station's usual height and the least distance [m]
SHADOWS = {
    "umi": (4.0, 7.82, 10.0, 13.0, 10.0, 10.0),
    "uma": (4.0, 6.0, 37.0, 50.0, 25.0, 10.0),
    "inh_mixed": (3.0, 8.03, 10.0, 6.0, 3.0, 0.0),
    "inh_open": (3.0, 8.03, 10.0, 6.0, 3.0, 0.0),
    "inf_sl": (4.3, 5.7, 10.0, 10.0, 1.5, 0.0),
    "inf_dl": (4.3, 7.2, 10.0, 10.0, 1.5, 0.0),
    "inf_sh": (4.3, 5.9, 10.0, 10.0, 8.0, 0.0),
    "inf_dh": (4.3, 4.0, 10.0, 10.0, 8.0, 0.0),
    "inf_hh": (4.3, 4.3, 10.0, 10.0, 8.0, 0.0),  # always in sight
}


def test_shadowing_and_heights_of_every_model() -> None:
    found = {name: (*m.sigma_db, *m.correlation_m, m.station_m, m.nearest_m) for name, m in MODELS.items()}
    assert found == SHADOWS


@pytest.mark.parametrize(("name", "per_metre"), [("umi", 0.3), ("uma", 0.6)])
def test_a_higher_client_loses_less_where_it_is_hidden(name: str, per_metre: float) -> None:
    """-0.3 and -0.6 (h - 1.5) dB in the street: 100 m away along the line, at 1.5 and at 11.5 m."""
    model, losses = MODELS[name], []
    for client in (1.5, 11.5):
        flat = math.sqrt(100.0**2 - (model.station_m - client) ** 2)
        losses.append(float(model.nlos(pathloss.place(model, flat, F, model.station_m, client))))
    assert losses[0] - losses[1] == pytest.approx(10.0 * per_metre, rel=1e-9)


@pytest.mark.parametrize("name", ["umi", "uma"])
def test_the_break_point_is_continuous_and_steeper_beyond(name: str) -> None:
    """40 - 21 = 2 x 9.5 and 40 - 22 = 2 x 9: both pieces agree where d3D^2 = d_BP^2 + (h_BS - h_UT)^2."""
    model = MODELS[name]
    break_m = 4.0 * (model.station_m - 1.0) * 0.5 * F / pathloss.LIGHT
    near, far = (
        float(model.los(pathloss.place(model, break_m * share, F, model.station_m, 1.5))) for share in (1 - 1e-9, 1 + 1e-9)
    )
    assert near == pytest.approx(far, abs=1e-6)
    beyond = [float(model.los(pathloss.place(model, break_m * k, F, model.station_m, 1.5))) for k in (2.0, 20.0)]
    assert beyond[1] - beyond[0] == pytest.approx(40.0, abs=0.02)


@pytest.mark.parametrize("name", MODELS)
def test_loss_grows_with_distance_and_hiding_never_helps(name: str) -> None:
    model = MODELS[name]
    place = pathloss.place(model, np.linspace(0.0, 600.0, 400), F, model.station_m, 1.5)
    for loss in (model.los(place), model.nlos(place)):
        assert (np.diff(loss) >= 0.0).all()
    assert (model.nlos(place) >= model.los(place)).all()


SIGHTS = [
    ("umi", 18.0, 1.0),
    ("umi", 100.0, 0.18 + math.exp(-100 / 36) * 0.82),
    ("uma", 100.0, 0.18 + math.exp(-100 / 63) * 0.82),
    ("inh_mixed", 1.2, 1.0),
    ("inh_mixed", 5.0, math.exp(-3.8 / 4.7)),
    ("inh_mixed", 20.0, 0.32 * math.exp(-13.5 / 32.6)),
    ("inh_open", 49.0, math.exp(-44.0 / 70.8)),
    ("inh_open", 100.0, 0.54 * math.exp(-51.0 / 211.7)),
    ("inf_sl", 20.0, math.exp(20.0 * math.log(0.8) / 10.0)),
    ("inf_dl", 2.0, 0.4),
    ("inf_sh", 20.0, math.exp(20.0 * math.log(0.8) / 10.0 / 13.0)),  # (8 - 1.5) / (2 - 1.5) = 13
    ("inf_dh", 20.0, math.exp(20.0 * math.log(0.4) / 2.0 / 13.0)),
    ("inf_hh", 600.0, 1.0),
]


@pytest.mark.parametrize(("name", "flat_m", "expected"), SIGHTS)
def test_line_of_sight_at_fixed_points(name: str, flat_m: float, expected: float) -> None:
    model = MODELS[name]
    place = pathloss.place(model, flat_m, F, model.station_m, 1.5)
    assert float(model.sight(place)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", MODELS)
def test_line_of_sight_is_a_probability_that_falls(name: str) -> None:
    model = MODELS[name]
    likely = model.sight(pathloss.place(model, np.linspace(0.0, 2000.0, 4001), F, model.station_m, 1.5))
    assert likely.max() <= 1.0
    assert likely.min() >= 0.0
    assert (np.diff(likely) <= 0.003).all()  # inh_open steps up from 0.537 to 0.540 at 49 m: the standard's own numbers


def test_free_space_and_log_distance() -> None:
    """32.45 + 20 log f + 20 log d with f in GHz and d in m; exponent 2 is free space; 10 n dB a decade."""
    assert float(pathloss.free_space_db(100.0, F)) == pytest.approx(32.45 + 20 * log(GHZ) + 40.0, abs=0.01)
    distances = np.array([1.0, 7.0, 300.0])
    assert pathloss.log_distance_db(distances, F, 2.0) == pytest.approx(pathloss.free_space_db(distances, F), rel=1e-12)
    steep = pathloss.log_distance_db(np.array([10.0, 100.0]), F, 3.7)
    assert steep[1] - steep[0] == pytest.approx(37.0)


def test_nearer_than_the_model_counts_as_its_nearest() -> None:
    near, nearest = (pathloss.place(MODELS["umi"], d, F, 10.0, 1.5) for d in (3.0, 10.0))
    assert float(MODELS["umi"].los(near)) == float(MODELS["umi"].los(nearest))


@pytest.mark.parametrize(
    ("distance_m", "station_m", "client_m"), [(-1.0, 10.0, 1.5), (math.nan, 10.0, 1.5), (9.0, 0.0, 1.5), (9.0, 10.0, 24.0)]
)
def test_impossible_places_are_refused(distance_m: float, station_m: float, client_m: float) -> None:
    with pytest.raises(ValueError, match=r"distance_m|client_m"):
        pathloss.place(MODELS["umi"], distance_m, F, station_m, client_m)


def test_a_high_client_of_uma_sees_further() -> None:
    """38.901 table 7.4.2-1, 23 m up at 200 m: [18/d + e^(-d/63)(1 - 18/d)] (1 + 10 e^(-200/150)); unchanged up to 13 m."""
    near = 18 / 200 + math.exp(-200 / 63) * (1 - 18 / 200)
    for client, factor in (
        (23.0, 1 + 10 * math.exp(-200 / 150)),
        (18.0, 1 + 0.5**1.5 * 10 * math.exp(-200 / 150)),
        (13.0, 1.0),
    ):
        seen = MODELS["uma"].sight(pathloss.place(MODELS["uma"], 200.0, F, 25.0, client))
        assert float(seen) == pytest.approx(near * factor, rel=1e-12)
    street = MODELS["umi"].sight(pathloss.place(MODELS["umi"], 200.0, F, 10.0, 22.0))
    assert float(street) == pytest.approx(18 / 200 + math.exp(-200 / 36) * (1 - 18 / 200))
    assert float(MODELS["uma"].sight(pathloss.place(MODELS["uma"], 15.0, F, 25.0, 23.0))) == 1.0


def test_what_stands_around_a_high_client_moves_the_break_point() -> None:
    """d_BP = 4 (h_BS - h_E)(h_UT - h_E) f/c: 25 m and 22 m over 15 m, 3.5 GHz."""
    model, away, drop = MODELS["uma"], 4000.0, 25.0 - 22.0
    break_m = 4.0 * (25.0 - 15.0) * (22.0 - 15.0) * F / pathloss.LIGHT
    assert break_m == pytest.approx(3268.9, abs=0.1)
    beyond = 28.0 + 40.0 * log(math.hypot(away, drop)) + 20.0 * log(GHZ) - 9.0 * log(break_m**2 + drop**2)
    assert float(model.los(pathloss.place(model, away, F, 25.0, 22.0, 15.0))) == pytest.approx(beyond, abs=1e-9)
    before = 28.0 + 22.0 * log(math.hypot(away, drop)) + 20.0 * log(GHZ)  # around 1 m: the break point is at 23.5 km
    assert float(model.los(pathloss.place(model, away, F, 25.0, 22.0))) == pytest.approx(before, abs=1e-9)


@pytest.mark.parametrize(("client_m", "heights"), [(13.2, {12.0}), (13.5, {12.0}), (16.4, {12.0}), (16.5, {12.0, 15.0})])
def test_heights_of_what_stands_around(client_m: float, heights: set[float]) -> None:
    here = pathloss.place(MODELS["uma"], 300.0, F, 25.0, client_m)
    drawn = {pathloss.environment_m(MODELS["uma"], here, 1.0 - 1e-12, which) for which in (0.0, 0.3, 0.7, 1.0 - 1e-12)}
    assert drawn == heights
    assert pathloss.environment_m(MODELS["uma"], here, 0.0, 0.5) == 1.0
