"""The largest scenario that is taken: what one file may ask of a machine, each limit stated once, here.

Everything larger is refused while the file is read, before memory is touched. The limits lie far above what a study needs and
below what would fill a large host or never end. Those of the file itself are in `edgesim.yaml_reader`, of single numbers in
`edgesim.leaves`, of a sweep in `edgesim.sweep.axes`.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from edgesim.checks import sizes_of
from edgesim.model_sizes import MODELS
from edgesim.quantities import Interval
from edgesim.scenario import Group, LinkSpec
from edgesim.scenario import Path as Where
from edgesim.sections import Section
from edgesim.specs import DataSpec, Spec
from edgesim.wire import FLOAT_BITS

Found = Iterator[tuple[Where, str]]

MOST_CLIENTS = 1_000_000
MOST_PICTURE_BYTES = 16 << 30  # of a synthetic data set, held in memory
MOST_BATCH_BYTES = 64 << 30  # of the pictures of one step, float32
MOST_PACKETS = 100_000_000  # of one message without compression
SIDE_MOST = 4096  # of a picture [pixels]
USUAL = MODELS["vit_base_patch16_224"]  # where a model's sizes are not known

_NEVER = "a channel or a schedule that changes faster would be all the run ever computes"
_OFTEN = "what fails more often would be all the run ever computes"
_ROUND = "a round is worked through before the first step"


class Limit(NamedTuple):
    """What a number may be, and why."""

    interval: str
    why: str = ""


# By slot, or section of the scenario, and knob.
LIMITS: Mapping[tuple[str, str], Limit] = {
    ("clients", "count"): Limit(f"[1, {MOST_CLIENTS}]"),
    ("server", "cores"): Limit("[1, 65536]"),
    ("host", "threads"): Limit("[1, 4096]"),
    ("data", "batch_size"): Limit("[1, 100000]"),
    ("data", "train"): Limit("[1, 10000000]"),
    ("data", "test"): Limit("[1, 10000000]"),
    ("data", "classes"): Limit("[2, 100000]"),
    ("data", "image_size"): Limit(f"[4, {SIDE_MOST}]"),
    ("model", "image_size"): Limit(f"[1, {SIDE_MOST}]"),
    ("partition", "shards_per_client"): Limit("[1, 10000000]"),
    ("protocol", "deadline_s"): Limit("[1e-6, inf]", "nobody would ever be in time"),
    ("protocol", "local_epochs"): Limit("[1, 10000]", _ROUND),
    ("protocol", "local_steps"): Limit("[1, 1000000]", _ROUND),
    ("protocol", "sync_every"): Limit("[1, 1000000]", _ROUND),
    ("codec", "max_iter"): Limit("[1, 100000]"),
    ("codec", "layers"): Limit("[1, 64]"),
    ("codec", "rounds"): Limit("[1, 1000]"),
    ("radio", "bandwidth_hz"): Limit("[1, 1e12]"),
    ("radio", "packet_bits"): Limit("[1, 1e12]"),
    ("radio", "header_bits"): Limit("[0, 1e12]"),
    ("radio", "slot_s"): Limit("[0, 1e6]"),
    ("transport", "pilots"): Limit("[0, 1000000000]"),
    ("channel", "bandwidth_hz"): Limit("[1, 1e12]"),
    ("channel", "coherence_s"): Limit("[1e-6, inf]", _NEVER),
    ("channel", "burst_s"): Limit("[1e-6, inf]", _NEVER),
    ("channel", "update_s"): Limit("[1e-6, inf]", _NEVER),
    ("channel", "doppler_hz"): Limit("[0, 1e6]", _NEVER),
    ("channel", "speed_mps"): Limit("[0, 1e5]", _NEVER),
    ("channel", "carrier_hz"): Limit("[1e3, 1e12]"),
    ("fault", "length_s"): Limit("[1e-4, inf]", _OFTEN),
    ("fault", "every_s"): Limit("[1e-4, inf]", _OFTEN),
    ("fault", "mean_up_s"): Limit("[1e-4, inf]", _OFTEN),
    ("fault", "mean_down_s"): Limit("[1e-4, inf]", _OFTEN),
    ("medium", "slot_s"): Limit("[1e-6, inf]", _NEVER),
    ("medium", "quantum_s"): Limit("[1e-6, inf]", _NEVER),
    ("medium", "longest_s"): Limit("[1e-6, inf]", _NEVER),
}


def findings(sections: Mapping[str, Any]) -> list[tuple[Where, str]]:
    """The path and the message of everything that is too large, in the sections that are right.

    What many numbers make together is looked at where each alone is within its limit, and only the first that is too large is
    told: the others follow from it.
    """
    found = [pair for name, section in sections.items() for pair in _of(name, section, (name,))]
    for check in CHECKS:
        wanted = inspect.signature(check).parameters
        if not found and wanted.keys() <= sections.keys():
            found += check(**{name: sections[name] for name in wanted})
    return found


def _of(slot: str, value: object, path: Where) -> Found:
    """Every number below `value` that leaves its limit."""
    for name, inner, where in _inside(slot, value, path):
        limit = LIMITS.get((slot, name))
        if limit is None or isinstance(inner, bool) or not isinstance(inner, int | float):
            yield from _of(inner.slot if isinstance(inner, Spec) else slot, inner, where)
        elif inner not in (interval := Interval.parse(limit.interval)):
            yield where, f"must be {interval.words()}; got {inner:g}" + (f": {limit.why}" if limit.why else "")


def _inside(slot: str, value: object, path: Where) -> Iterator[tuple[str, object, Where]]:
    """The items of a section, a kind, a list or a mapping, with the names that limits know them by."""
    if isinstance(value, Spec):
        items: Mapping[Any, object] = value.values
        if isinstance(value, DataSpec):
            items = {**items, "batch_size": value.batch_size, "partition": value.partition, "augment": value.augment}
    elif isinstance(value, Section):
        items = dict(value)
    elif isinstance(value, list):
        items = dict(enumerate(value))
    else:
        items = value if isinstance(value, dict) else {}
    for key, inner in items.items():
        yield str(key), inner, (*path, key)


def clients_are_not_too_many(clients: Sequence[Group]) -> Found:
    count = sum(group.count for group in clients)
    if count > MOST_CLIENTS:
        yield ("clients",), f"all groups together may have at most {MOST_CLIENTS} clients; got {count}"


def pictures_fit_memory(data: DataSpec) -> Found:
    if data.kind == "synthetic":
        knobs = data.values
        size = (knobs["train"] + knobs["test"]) * knobs["channels"] * knobs["image_size"] ** 2
        if size > MOST_PICTURE_BYTES:
            yield (
                ("data", "train"),
                f"made-up pictures are held in memory, at most {MOST_PICTURE_BYTES >> 30} GiB of them; these take "
                f"{size / (1 << 30):.6g} GiB: take fewer, or smaller ones",
            )


def a_step_fits_memory(data: DataSpec, model: Spec) -> Found:
    size = data.batch_size * 3 * 4 * _side(model) ** 2
    if size > MOST_BATCH_BYTES:
        yield (
            ("data", "batch_size"),
            f"the pictures of one step may take at most {MOST_BATCH_BYTES >> 30} GiB; {data.batch_size} of "
            f"{_side(model)} pixels take {size / (1 << 30):.6g} GiB: take a smaller batch or model.image_size",
        )


def packets_are_not_too_many(data: DataSpec, model: Spec, uplink: LinkSpec, downlink: LinkSpec) -> Found:
    known = sizes_of(model) or USUAL
    tokens = 1 + (_side(model) // known.patch) ** 2
    bits = data.batch_size * tokens * known.width * FLOAT_BITS
    for direction, link in (("uplink", uplink), ("downlink", downlink)):
        packets = bits / link.radio.values["packet_bits"]
        if packets > MOST_PACKETS:
            yield (
                (direction, "radio", "packet_bits"),
                f"one message without compression is some {packets:.3g} packets, and at most {MOST_PACKETS} are taken: "
                "larger packets or a smaller batch",
            )


def _side(model: Spec) -> int:
    """Side of the pictures that a model sees [pixels]."""
    return int(model.values.get("image_size") or (sizes_of(model) or USUAL).image_size)


CHECKS: tuple[Callable[..., Found], ...] = (
    clients_are_not_too_many,
    pictures_fit_memory,
    a_step_fits_memory,
    packets_are_not_too_many,
)
