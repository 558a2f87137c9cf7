"""Device and radio profiles: every shipped one is valid and sourced; broken ones say what is wrong and where."""

import subprocess
import sys
from pathlib import Path

import pytest

from edgesim import kinds
from edgesim.errors import EdgesimError, ScenarioError, UsageError
from edgesim.profiles import read

DEVICES = sorted((read.FOLDER / "devices").glob("*.yaml"))
RADIOS = sorted((read.FOLDER / "radios").glob("*.yaml"))

GOOD_DEVICE = """\
summary: "A board"
peak_flops: {value: 57.6e9, source: "data sheet", verified: true}
utilisation: {value: 0.5, source: "default", verified: false}
idle_w: {value: 2, source: "measured", verified: true}
active_w: {value: 7.5, source: "measured", verified: true}
radio: wifi
"""
GOOD_RADIO = """\
summary: "A radio"
sleep_w: {value: 0, source: "none", verified: true}
idle_w: {value: 0.5, source: "data sheet", verified: false}
rx_w: {value: 0.75, source: "data sheet", verified: true}
tx_w: {value: 1e0, source: "data sheet", verified: false}
"""


def broken(tmp_path: Path, good: str, old: str, new: str) -> Path:
    assert old in good
    path = tmp_path / "mine.yaml"
    path.write_text(good.replace(old, new), encoding="utf-8")
    return path


def test_the_contracts_profiles_are_shipped() -> None:
    wanted = "raspberry_pi_4 raspberry_pi_5 jetson_nano jetson_orin_nano phone_mid edge_server_cpu edge_server_gpu edge_server"
    assert set(wanted.split()) <= set(kinds.devices())
    assert {"wifi", "lte_phone", "access_point"} <= set(kinds.radios())


@pytest.mark.parametrize("path", DEVICES, ids=lambda path: path.stem)
def test_every_shipped_device_is_valid(path: Path) -> None:
    """Reading checks ranges and sources; physics is checked here: a device cannot compute for less than it idles."""
    profile = read.device(path.stem)
    assert profile.sustained_flops == profile.peak_flops * profile.utilisation
    assert 1e9 < profile.sustained_flops < 1e15
    assert 0.0 < profile.idle_w < profile.active_w < 1e4
    assert read.radio(profile.radio).name == profile.radio
    assert "utilisation" in profile.unverified  # it depends on the model: nobody can have verified it


@pytest.mark.parametrize("path", RADIOS, ids=lambda path: path.stem)
def test_every_shipped_radio_is_valid(path: Path) -> None:
    profile = read.radio(path.stem)
    assert 0.0 <= profile.sleep_w < profile.idle_w <= profile.rx_w < profile.tx_w < 100.0


@pytest.mark.parametrize("path", [*DEVICES, *RADIOS], ids=lambda path: path.stem)
def test_shipped_files_hold_what_was_meant(path: Path) -> None:
    """Against an independent reading of the file: no number has become text, every one has a source."""
    import yaml

    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    if "alias" in content:
        assert list(content) == ["alias"]
        return
    profile = read.device(path.stem) if path in DEVICES else read.radio(path.stem)
    facts = {name: fact for name, fact in content.items() if isinstance(fact, dict)}
    assert {name for name, fact in facts.items() if not fact["verified"]} == set(profile.unverified)
    for name, fact in facts.items():
        assert float(fact["value"]) == getattr(profile, name)  # PyYAML reads 57.6e9 as text
        assert len(fact["source"]) > 5


@pytest.mark.parametrize(
    ("name", "peak_flops", "idle_w", "active_w"),
    [
        ("raspberry_pi_4", 57.6e9, 2.7, 7.2),
        ("raspberry_pi_5", 153.6e9, 3.0, 11.0),
        ("jetson_nano", 235.8e9, 1.25, 10.0),
        ("jetson_orin_nano", 1.28e12, 4.0, 15.0),
        ("edge_server_gpu", 19.5e12, 50.0, 400.0),
    ],
)
def test_devices_follow_the_reference_table(name: str, peak_flops: float, idle_w: float, active_w: float) -> None:
    """The table of phy.md 14.2."""
    profile = read.device(name)
    assert (profile.peak_flops, profile.idle_w, profile.active_w) == (peak_flops, idle_w, active_w)


@pytest.mark.parametrize(
    ("name", "cores", "per_cycle", "ghz", "utilisation"),
    [
        ("raspberry_pi_4", 4, 8, 1.8, 0.35),
        ("raspberry_pi_5", 4, 16, 2.4, 0.35),
        ("jetson_nano", 128, 2, 0.921, 0.5),
        ("jetson_orin_nano", 1024, 2, 0.625, 0.4),
        ("edge_server_cpu", 16, 32, 3.0, 0.5),
        ("edge_server_gpu", 6912, 2, 1.41, 0.5),
    ],
)
def test_a_peak_is_cores_times_operations_times_clock(
    name: str, cores: int, per_cycle: int, ghz: float, utilisation: float
) -> None:
    """As the profiles' sources multiply, to their digits; the A100 of the last has 6912 cores at 1.41 GHz."""
    profile = read.device(name)
    assert profile.peak_flops == pytest.approx(cores * per_cycle * ghz * 1e9, rel=1e-3)
    assert profile.utilisation == utilisation


def test_powers_of_radios_are_what_their_sources_work_out() -> None:
    """Power that grows with the rate (lte), units of deep sleep (nr), and P0 + Delta_p P_rf (EARTH), to the digits given."""
    lte = read.radio("lte_phone")
    assert (lte.rx_w, lte.tx_w) == pytest.approx((1.288 + 0.05197 * 13.0, 1.288 + 0.43839 * 6.0), abs=5e-4)
    for name in ("nr_phone", "nr_phone_class_b"):
        phone, unit_w = read.radio(name), 0.2 / 0.35 / (700 - 250)
        states = (phone.sleep_w, phone.idle_w, phone.rx_w, phone.circuit_w)
        assert states == pytest.approx([units * unit_w for units in (1, 100, 300, 250)], rel=2e-3)
        assert phone.tx_w == pytest.approx(700 * unit_w, rel=2e-3)
    for name, rest_w, slope, most_w in (("access_point", 4.8, 8.0, 0.05), ("micro_cell", 56.0, 2.6, 6.3)):
        cell = read.radio(name)
        assert (cell.idle_w, cell.rx_w, cell.circuit_w) == (rest_w, rest_w, rest_w)
        assert cell.tx_w == pytest.approx(rest_w + slope * most_w, rel=1e-12)
        assert cell.pa_efficiency == pytest.approx(1.0 / slope, rel=2e-3)


def test_wifi_is_the_one_of_ns3() -> None:
    """Currents of WifiRadioEnergyModel at 3.0 V (phy.md 14.1)."""
    wifi = read.radio("wifi")
    currents = (0.033, 0.273, 0.313, 0.380)
    assert (wifi.sleep_w, wifi.idle_w, wifi.rx_w, wifi.tx_w) == pytest.approx([3.0 * ampere for ampere in currents])
    assert wifi.unverified == ()


def test_an_alias_gives_the_profile_it_stands_for() -> None:
    assert read.device("edge_server") == read.device("edge_server_gpu")
    assert read.device("edge_server").name == "edge_server_gpu"


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"unknown device 'rasperry_pi_4', did you mean 'raspberry_pi_4'\?"):
        read.device("rasperry_pi_4")
    with pytest.raises(EdgesimError, match=r"unknown radio 'wify', did you mean 'wifi'\?"):
        read.radio("wify")


def test_a_profile_is_read_as_written(tmp_path: Path) -> None:
    device = read.read_device(broken(tmp_path, GOOD_DEVICE, "A board", "My board"))
    assert device == read.DeviceProfile("mine", "My board", 57.6e9, 0.5, 2.0, 7.5, "wifi", None, ("utilisation",))
    radio = read.read_radio(broken(tmp_path, GOOD_RADIO, "A radio", "My radio"))
    assert radio == read.RadioProfile("mine", "My radio", 0.0, 0.5, 0.75, 1.0, ("idle_w", "tx_w"))


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("57.6e9", "fast", 2, "value of peak_flops must be a number"),
        ("57.6e9", '"57.6e9"', 2, "value of peak_flops must be a number"),
        ("57.6e9", "true", 2, "value of peak_flops must be a number"),
        ("57.6e9", "0", 2, "value of peak_flops must be a number"),
        ("57.6e9", "-1.0", 2, "value of peak_flops must be a number"),
        ("57.6e9", ".inf", 2, "value of peak_flops must be a number"),
        ("57.6e9", ".nan", 2, "value of peak_flops must be a number"),
        ("0.5", "1.5", 3, "value of utilisation must be a number"),
        ('source: "data sheet", ', "", 2, "peak_flops must be {value"),
        ('"data sheet"', '""', 2, "peak_flops needs a source"),
        ('"default", verified: false', '"default", verified: maybe', 3, "verified of utilisation must be true or false"),
        ('{value: 2, source: "measured", verified: true}', "2.0", 4, "idle_w must be {value"),
        ("idle_w:", "idel_w:", 4, "unknown name 'idel_w', did you mean 'idle_w'"),
        ("value: 2,", "value: 8,", 4, "idle_w 8.0 exceeds active_w 7.5"),
        ("radio: wifi", "radio: wify", 6, "unknown radio 'wify', did you mean 'wifi'"),
        ("radio: wifi", "radio: 3", 6, "radio is missing or no text"),
        ("radio: wifi", "", 1, "radio is missing or no text"),
        ("radio: wifi", "radio: wifi\nradio: wifi", 7, "duplicate key 'radio'"),
    ],
)
def test_a_broken_device_says_what_and_where(tmp_path: Path, old: str, new: str, line: int, message: str) -> None:
    path = broken(tmp_path, GOOD_DEVICE, old, new)
    with pytest.raises(ScenarioError) as caught:
        read.read_device(path)
    assert any(problem.startswith(f"{path}:{line}:") and message in problem for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("0.5", "0.8", 3, "idle_w 0.8 exceeds rx_w 0.75"),
        ("1e0", "0.1", 3, "idle_w 0.5 exceeds tx_w 0.1"),
        ("value: 0,", "value: 0.6,", 2, "sleep_w 0.6 exceeds idle_w 0.5"),
        ("value: 0,", "value: -0.6,", 2, "value of sleep_w must be a number"),
        ('tx_w: {value: 1e0, source: "data sheet", verified: false}', "", 1, "tx_w is missing"),
        ('summary: "A radio"', "peak_flops: 3", 1, "unknown name 'peak_flops'"),
    ],
)
def test_a_broken_radio_says_what_and_where(tmp_path: Path, old: str, new: str, line: int, message: str) -> None:
    path = broken(tmp_path, GOOD_RADIO, old, new)
    with pytest.raises(ScenarioError) as caught:
        read.read_radio(path)
    assert any(problem.startswith(f"{path}:{line}:") and message in problem for problem in caught.value.problems)


def test_every_problem_is_reported_at_once(tmp_path: Path) -> None:
    path = broken(tmp_path, GOOD_DEVICE.replace("57.6e9", "fast").replace("7.5", "no"), "radio: wifi", "radios: wifi")
    with pytest.raises(ScenarioError) as caught:
        read.read_device(path)
    assert len(caught.value.problems) == 4  # two numbers, an unknown name, a missing one


@pytest.mark.parametrize("content", ["", "- a\n- b\n", "just text\n"])
def test_a_file_that_is_no_mapping(tmp_path: Path, content: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ScenarioError, match="a profile is a mapping"):
        read.read_radio(path)


def test_reading_is_light() -> None:
    code = "from edgesim.profiles import read; read.device('edge_server'); import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"torch", "numpy", "pydantic", "simpy"}.isdisjoint(done.stdout.split())


def test_a_file_is_read_once() -> None:
    """A thousand clients ask a thousand times."""
    assert read.device("raspberry_pi_4") is read.device("raspberry_pi_4")


def test_an_amplifier_draws_what_it_radiates_over_its_efficiency() -> None:
    """ns-3's linear model: P / eta + 0.819 W; without a stated power a profile draws its usual tx_w."""
    wifi = read.radio("wifi")
    assert wifi.transmitting_w(0.1) == pytest.approx(0.819 + 0.1 / 0.1)
    assert wifi.transmitting_w(None) == wifi.tx_w
    assert read.radio("access_point").transmitting_w(0.05) == pytest.approx(5.2)  # EARTH: 4.8 W + 8.0 x 0.05 W
    assert read.radio("nr_phone").transmitting_w(10 ** (2.3 - 3)) == pytest.approx(read.radio("nr_phone").tx_w, rel=0.01)


def test_a_radio_with_a_tail_sleeps_afterwards() -> None:
    lte, wifi = read.radio("lte_phone"), read.radio("wifi")
    assert (lte.tail_w, lte.tail_s, lte.waiting_w) == (1.060, 11.576, lte.sleep_w)
    assert (wifi.tail_s, wifi.waiting_w) == (0.0, wifi.idle_w)


def test_half_a_pair_is_refused(tmp_path: Path) -> None:
    tail = 'tail_s: {value: 2, source: "data sheet", verified: true}\n'
    with pytest.raises(ScenarioError, match="tail_s is given without tail_w"):
        read.read_radio(broken(tmp_path, GOOD_RADIO + tail, "A radio", "My radio"))


def test_a_class_b_amplifier_draws_by_the_amplitude() -> None:
    """P_rf / (eta sqrt(P_rf / P_max)): at full power as a constant efficiency, at a quarter half of that, not a quarter."""
    constant, class_b = read.radio("nr_phone"), read.radio("nr_phone_class_b")
    full = class_b.pa_max_w
    assert full is not None
    assert class_b.transmitting_w(full) == pytest.approx(constant.transmitting_w(full), rel=1e-12)
    amplifier = 0.2 / 0.35
    assert class_b.transmitting_w(0.05) == pytest.approx(0.318 + amplifier / 2, rel=1e-12)
    assert constant.transmitting_w(0.05) == pytest.approx(0.318 + amplifier / 4, rel=1e-12)
    assert class_b.transmitting_w(None) == class_b.tx_w
    with pytest.raises(ValueError, match=r"transmits 0\.2 W at most, the link budget says 0\.3 W"):
        class_b.transmitting_w(0.3)


def test_a_promotion_needs_a_tail_and_a_maximum_an_efficiency(tmp_path: Path) -> None:
    fact = '{value: 0.2, source: "data sheet", verified: true}\n'
    alone = f"promotion_s: {fact}promotion_w: {fact}"
    with pytest.raises(ScenarioError, match="promotion_s is given without tail_s, which it needs"):
        read.read_radio(broken(tmp_path, GOOD_RADIO + alone, "A radio", "My radio"))
    with pytest.raises(ScenarioError, match="pa_max_w is given without pa_efficiency, which it needs"):
        read.read_radio(broken(tmp_path, GOOD_RADIO + f"pa_max_w: {fact}", "A radio", "My radio"))
    lte = read.radio("lte_phone")
    assert (lte.promotion_w, lte.promotion_s) == (1.211, 0.260)
