"""Cross-checks of a scenario that need neither torch nor data: what single values cannot show.

A check names the sections it looks at and is run when those are right, whatever is wrong elsewhere. A check of a link is run
for both directions.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from edgesim import fault_checks, kinds, vary
from edgesim.model_sizes import ModelSizes, model_sizes
from edgesim.scenario import BudgetSpec, Group, HostSpec, LinkSpec
from edgesim.scenario import Path as Where
from edgesim.specs import DataSpec, Spec

Found = Iterator[tuple[Where, str]]

# Training images of the data sets that always have the same number of them. Sources: the digits file of this package (1437 of
# 1797 images), Krizhevsky 2009 (CIFAR-100), Bossard et al. 2014 (Food-101).
TRAINING_IMAGES = {"digits": 1437, "cifar100": 50_000, "food101": 75_750}

# Rows of 5G NR's tables of schemes that are not reserved (TS 38.214, tables 5.1.3.1-1 to -3).
SCHEMES = {"mcs1": 29, "mcs2": 28, "mcs3": 29}

# Knobs of which exactly one group must be given.
RATIOS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "adc": (("xi",), ("T", "k")),
    "adc_tokens": (("xi",), ("k",)),
    "topk": (("xi",), ("rate",)),
}


def findings(sections: Mapping[str, Any]) -> list[tuple[Where, str]]:
    """Run every check whose sections are all there; gives the path and the message of everything found."""
    found: list[tuple[Where, str]] = []
    for check in CHECKS:
        wanted = inspect.signature(check).parameters
        if all(name in sections for name in wanted):
            found += check(**{name: sections[name] for name in wanted})
    for direction in ("uplink", "downlink"):
        if direction in sections:
            for link_check in LINK_CHECKS:
                found += [((direction, *where), message) for where, message in link_check(sections[direction], direction)]
    return found


def sizes_of(model: Spec) -> ModelSizes | None:
    """What is known of the model without building it."""
    return model_sizes(str(model.values.get("name"))) if model.kind == "vit" else None


def _has_no_class_token(model: Spec) -> bool:
    known = sizes_of(model)
    return known is not None and not known.class_token


def cut_inside_the_model(model: Spec) -> Found:
    known = sizes_of(model)
    if known is not None and not 1 <= model.values["cut"] < known.depth:
        name, cut, depth = model.values["name"], model.values["cut"], known.depth
        yield (
            ("model", "cut"),
            f"must be between 1 and {depth - 1}: {name} has {depth} blocks and each side needs one; got {cut}",
        )


def class_token(model: Spec) -> Found:
    if _has_no_class_token(model):
        yield (
            ("model", "name"),
            f"{model.values['name']} has no class token; choose one that has, such as deit_tiny_patch16_224",
        )


def image_size_fits_patches(model: Spec) -> Found:
    known, size = sizes_of(model), model.values.get("image_size")
    if known is not None and size is not None and size % known.patch:
        patch = known.patch
        near = max(patch, round(size / patch) * patch)
        yield ("model", "image_size"), f"must be a multiple of the model's patch size {patch}, such as {near}; got {size}"


def batch_fits_data(data: DataSpec, clients: Sequence[Group]) -> Found:
    images = TRAINING_IMAGES.get(data.kind) or (data.values.get("train") if data.kind == "synthetic" else None)
    count = sum(group.count for group in clients)
    smallest = min(group.data_share for group in clients)
    parts = sum(group.count * (group.data_share / smallest) for group in clients)
    least = None if images is None else int(images / parts)
    if least is not None and data.batch_size > least:
        each = f"{least} each" if len({group.data_share for group in clients}) == 1 else f"{least} for the smallest"
        held = f"{images} training images" + (f" among {count} clients, {each}" if count > 1 else "")
        yield ("data", "batch_size"), f"{data.batch_size} is larger than a client's data: {data.kind} has {held}"


def half_precision_suits_the_host(model: Spec, host: HostSpec) -> Found:
    if model.values.get("precision") == "float16" and host.accelerator == "cpu":
        yield ("model", "precision"), "a CPU takes ten times as long in float16 as in float32: use bfloat16, or a GPU"


def pairs_need_an_even_batch(data: DataSpec) -> Found:
    if data.augment.kind == "deit" and data.batch_size % 2:
        yield ("data", "batch_size"), f"the augmentation deit mixes pictures in pairs: must be even, got {data.batch_size}"


def protocol_suits_the_clients(protocol: Spec, clients: Sequence[Group]) -> Found:
    count = sum(group.count for group in clients)
    if kinds.read("protocol", protocol.kind).flags.get("alone") and count != 1:
        place: Where = ("clients", 0, "count") if len(clients) == 1 else ("clients",)
        yield place, f"the protocol {protocol.kind} trains exactly one client, got {count}; for more: {', '.join(_for_many())}"


def _for_many() -> list[str]:
    return [name for name in kinds.names("protocol") if not kinds.read("protocol", name).flags.get("alone")]


def varied_knobs_exist(clients: Sequence[Group], uplink: LinkSpec, downlink: LinkSpec) -> Found:
    for place, group in enumerate(clients):
        if group.vary is not None:
            channels = {
                "uplink": group.uplink_channel or uplink.channel,
                "downlink": group.downlink_channel or downlink.channel,
            }
            for where, message in vary.problems(group.vary, channels):
                yield ("clients", place, "vary", *where), message


def what_is_merged_tells_its_tokens(protocol: Spec, uplink: LinkSpec, data: DataSpec) -> Found:
    if protocol.values.get("merge") is None:
        return
    if uplink.codec.kind != "adc_tokens":
        yield ("protocol", "merge"), f"merges what the uplink codec adc_tokens sends; got {uplink.codec.kind}"
    if data.augment.kind == "deit":
        yield ("protocol", "merge"), "merges class numbers, but the augmentation deit mixes labels; use another augmentation"


def _codecs(link: LinkSpec) -> Iterator[tuple[Where, Spec, Mapping[str, object]]]:
    """Every codec of a link with its path below the link and its class attributes: a chain, then its stages."""
    for where, codec in link.codec.nested():
        yield ("codec", *where), codec, kinds.read("codec", codec.kind).flags


def _sees_tokens(flags: Mapping[str, object]) -> bool:
    return bool(flags.get("needs_tokens") or flags.get("needs_attention"))


def tokens_reach_the_codec(link: LinkSpec, direction: str) -> Found:
    for where, codec, flags in _codecs(link):
        if _sees_tokens(flags) and direction == "downlink":
            yield where, f"{codec.kind} selects by the class token, which gradients do not have; use it on the uplink only"
        elif _sees_tokens(flags) and any(isinstance(step, int) and step > 0 for step in where):
            yield where, f"{codec.kind} needs the activations as they leave the model: make it the first stage of the chain"


def codec_suits_model(model: Spec, uplink: LinkSpec) -> Found:
    if _has_no_class_token(model):
        for where, codec, flags in _codecs(uplink):
            if _sees_tokens(flags):
                yield ("uplink", *where), f"{codec.kind} needs a class token, and {model.values['name']} has none"


def adaptive_is_outermost(link: LinkSpec, direction: str) -> Found:
    for where, codec, flags in _codecs(link):
        if flags.get("adapts") and (direction == "downlink" or len(where) > 1):
            message = (
                f"{codec.kind} chooses for the client what it sends up: make it the codec of the uplink, around the others"
            )
            yield where, message
        elif flags.get("adapts") and link.transport.values.get("protect_side") is False:
            yield where, f"{codec.kind} says in its side information how large a message is: leave transport.protect_side true"


def adaptive_has_a_budget_to_share(uplink: LinkSpec, budget: BudgetSpec) -> Found:
    shared = ("epochs_of_base", "bits", "simulated_s", "joules")
    if uplink.codec.values.get("policy") == "budget" and all(getattr(budget, name) is None for name in shared):
        yield ("uplink", "codec", "policy"), f"budget shares out a limit: give the run's budget one of {', '.join(shared)}"


def calibration_sees_activations(link: LinkSpec, direction: str) -> Found:
    for where, codec, _ in _codecs(link):
        inner = any(isinstance(step, int) and step > 0 for step in where)
        if codec.values.get("bases") == "calibration" and (direction == "downlink" or inner):
            yield (
                (*where, "bases"),
                "calibration looks at the activations as they leave the model; take the bases of each batch",
            )


def chain_has_stages(link: LinkSpec, direction: str) -> Found:
    for where, codec, _ in _codecs(link):
        stages = codec.values.get("stages") if codec.kind == "chain" else None
        if stages == []:
            yield (*where, "stages"), "a chain needs at least one stage, such as [adc, {kind: quantise, bits: 8}]"
        for place, stage in enumerate(stages[:-1] if stages else ()):
            if kinds.read("codec", stage.kind).flags.get("integer_values") is True:
                message = f"{stage.kind} sends values in few bits, which a later stage would undo: make it the last stage"
                yield (*where, "stages", place), message


def analog_sends_reals(link: LinkSpec, direction: str) -> Found:
    if kinds.read("transport", link.transport.kind).flags.get("analog") is not True:
        return
    for where, codec, flags in _codecs(link):
        half_precision = codec.values.get("format") in ("fp16", "bf16")  # quantise keeps these as real values
        if flags.get("integer_values") is True and not half_precision:
            yield where, f"{codec.kind} sends codes, and the transport analog sends real values as symbols; use reliable"


def ratio_is_given_once(link: LinkSpec, direction: str) -> Found:
    sized: list[Where] = []  # codecs whose parts get their size from them
    for where, codec, flags in _codecs(link):
        if flags.get("adapts") or (codec.values.get("xi") is not None and "xi" not in kinds.read("codec", codec.kind).knobs):
            sized.append(where)
        if any(where != outer and where[: len(outer)] == outer for outer in sized):
            continue
        ways = RATIOS.get(codec.kind, ())
        given = {name for way in ways for name in way if codec.values.get(name) is not None}
        if ways and given not in [set(way) for way in ways]:
            wanted = ", or ".join(" and ".join(way) for way in ways)
            yield where, f"{codec.kind} takes either {wanted}; got {', '.join(sorted(given)) or 'none of them'}"


def radio_knobs_belong_together(link: LinkSpec, direction: str) -> Found:
    """A knob that is set and has no effect is a mistake: somebody believes that it has one."""
    knobs, usual = link.radio.values, kinds.read("radio", "radio").knobs
    rates, fixed = knobs["rates"], "bits_per_symbol" if knobs["rates"] == "shannon" else "mcs"
    idle = {}
    if knobs[fixed] is not None:
        choosing = (
            ("csi_delay_s", "max_bits_per_symbol") if rates == "shannon" else ("csi_delay_s", "target_bler", "outer_loop")
        )
        idle = dict.fromkeys(choosing, f"is about choosing a rate, and {fixed} fixes it: leave one of them out")
    elsewhere = (
        ("mcs", "target_bler", "outer_loop") if rates == "shannon" else ("bits_per_symbol", "gap_db", "max_bits_per_symbol")
    )
    theirs = "the rates mcs1, mcs2 and mcs3" if rates == "shannon" else "the rates shannon"
    idle |= dict.fromkeys(elsewhere, f"belongs to {theirs}; rates is {rates}")
    for name, why in idle.items():
        if knobs[name] != usual[name].default:
            yield ("radio", name), f"{name} {why}"
    if rates in SCHEMES and knobs["mcs"] is not None and knobs["mcs"] >= SCHEMES[rates]:
        yield ("radio", "mcs"), f"{rates} has the schemes 0 to {SCHEMES[rates] - 1}, got {knobs['mcs']}"


def combining_needs_attempts(link: LinkSpec, direction: str) -> Found:
    transport = link.transport.values
    if transport.get("combining", "none") != "none" and transport["attempts"] == 1:
        yield ("transport", "combining"), f"{transport['combining']} combines attempts, and attempts is 1: allow more"


def fair_scheduling_follows_the_channel(link: LinkSpec, direction: str) -> Found:
    """Slots are given away by what the channel carries in them, so nothing about the rate may be settled beforehand."""
    if link.medium.kind != "proportional_fair":
        return
    radio = link.radio.values
    fixed = radio["bits_per_symbol"] is not None or radio["csi_delay_s"] or radio["rates"] != "shannon"
    lossy = link.channel.kind in ("erasure", "gilbert_elliott")
    if link.transport.kind != "reliable" or fixed or lossy:
        yield (
            ("medium",),
            "proportional_fair sends at the rate the channel has in every slot: use it with the transport reliable, "
            "radio rates 'shannon' that follow the channel (no bits_per_symbol, no csi_delay_s) and a channel that "
            "loses no packets; or tdma",
        )


def training_ends(budget: BudgetSpec) -> Found:
    limits = [name for name in type(budget).model_fields if name != "ledger"]
    if all(getattr(budget, name) is None for name in limits):
        yield ("budget",), f"no limit: training would never end; give at least one of {', '.join(limits)}"


CHECKS: tuple[Callable[..., Found], ...] = (
    cut_inside_the_model,
    class_token,
    image_size_fits_patches,
    batch_fits_data,
    half_precision_suits_the_host,
    pairs_need_an_even_batch,
    protocol_suits_the_clients,
    what_is_merged_tells_its_tokens,
    varied_knobs_exist,
    codec_suits_model,
    adaptive_has_a_budget_to_share,
    training_ends,
    *fault_checks.CHECKS,
)
LINK_CHECKS: tuple[Callable[[LinkSpec, str], Found], ...] = (
    tokens_reach_the_codec,
    chain_has_stages,
    adaptive_is_outermost,
    calibration_sees_activations,
    analog_sends_reals,
    ratio_is_given_once,
    radio_knobs_belong_together,
    combining_needs_attempts,
    fair_scheduling_follows_the_channel,
)
