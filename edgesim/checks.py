"""Cross-checks of a scenario that need neither torch nor data: what single values cannot show.

A check names the sections it looks at and is run when those are right, whatever is wrong elsewhere.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from edgesim import kinds
from edgesim.scenario import BudgetSpec, Group, LinkSpec
from edgesim.scenario import Path as Where
from edgesim.specs import DataSpec, Spec

Found = Iterator[tuple[Where, str]]

MODELS = Path(__file__).resolve().parent / "profiles" / "models.yaml"
# Training images of the data sets that always have the same number of them. Sources: the digits file of this package (1437 of
# 1797 images), Krizhevsky 2009 (CIFAR-100), Bossard et al. 2014 (Food-101).
TRAINING_IMAGES = {"digits": 1437, "cifar100": 50_000, "food101": 75_750}


def findings(sections: Mapping[str, Any]) -> list[tuple[Where, str]]:
    """Run every check whose sections are all there; gives the path and the message of everything found."""
    found: list[tuple[Where, str]] = []
    for check in CHECKS:
        wanted = inspect.signature(check).parameters
        if all(name in sections for name in wanted):
            found += check(**{name: sections[name] for name in wanted})
    return found


def model_facts(model: Spec) -> Mapping[str, Any]:
    """What is known of the model without building it; empty for a name that is not in models.yaml."""
    name = str(model.values.get("name")).partition(".")[0]  # timm names weights after a dot: deit_tiny_patch16_224.fb_in1k
    facts: Mapping[str, Any] = kinds.facts(MODELS).get(name, {})
    return facts if model.kind == "vit" else {}


def cut_inside_the_model(model: Spec) -> Found:
    facts = model_facts(model)
    if facts and not 1 <= model.values["cut"] < facts["depth"]:
        name, cut, depth = model.values["name"], model.values["cut"], facts["depth"]
        yield (
            ("model", "cut"),
            f"must be between 1 and {depth - 1}: {name} has {depth} blocks and each side needs one; got {cut}",
        )


def class_token(model: Spec) -> Found:
    if model_facts(model).get("class_token") is False:
        yield (
            ("model", "name"),
            f"{model.values['name']} has no class token; choose one that has, such as deit_tiny_patch16_224",
        )


def image_size_fits_patches(model: Spec) -> Found:
    facts, size = model_facts(model), model.values.get("image_size")
    if facts and size is not None and size % facts["patch"]:
        patch = facts["patch"]
        near = max(patch, round(size / patch) * patch)
        yield ("model", "image_size"), f"must be a multiple of the model's patch size {patch}, such as {near}; got {size}"


def batch_fits_data(data: DataSpec, clients: Sequence[Group]) -> Found:
    images = TRAINING_IMAGES.get(data.kind) or (data.values.get("train") if data.kind == "synthetic" else None)
    count = sum(group.count for group in clients)
    if images is not None and data.batch_size > images // count:
        held = f"{images} training images" + (f" among {count} clients, {images // count} each" if count > 1 else "")
        yield ("data", "batch_size"), f"{data.batch_size} is larger than a client's data: {data.kind} has {held}"


def vanilla_has_one_client(protocol: Spec, clients: Sequence[Group]) -> Found:
    count = sum(group.count for group in clients)
    if protocol.kind == "vanilla" and count != 1:
        place: Where = ("clients", 0, "count") if len(clients) == 1 else ("clients",)
        yield place, f"the protocol vanilla trains exactly one client, got {count}"


def _codecs(link: LinkSpec) -> Iterator[tuple[Where, Spec, Mapping[str, object]]]:
    """Every codec of a link with its path below the link and its class attributes: a chain, then its stages."""
    for where, codec in link.codec.nested():
        yield ("codec", *where), codec, kinds.read("codec", codec.kind).flags


def _sees_tokens(flags: Mapping[str, object]) -> bool:
    return bool(flags.get("needs_tokens") or flags.get("needs_attention"))


def downlink_codec_needs_no_tokens(downlink: LinkSpec) -> Found:
    for where, codec, flags in _codecs(downlink):
        if _sees_tokens(flags):
            message = f"{codec.kind} selects tokens by the class token, which gradients do not have; use it on the uplink only"
            yield ("downlink", *where), message


def tokens_reach_the_codec(uplink: LinkSpec) -> Found:
    for where, codec, flags in _codecs(uplink):
        if _sees_tokens(flags) and any(isinstance(step, int) and step > 0 for step in where):
            message = f"{codec.kind} needs the activations as they leave the model: make it the first stage of the chain"
            yield ("uplink", *where), message


def codec_suits_model(model: Spec, uplink: LinkSpec) -> Found:
    if model_facts(model).get("class_token") is False:
        for where, codec, flags in _codecs(uplink):
            if _sees_tokens(flags):
                yield ("uplink", *where), f"{codec.kind} needs a class token, and {model.values['name']} has none"


def _chains(name: str, link: LinkSpec) -> Found:
    for where, codec, _ in _codecs(link):
        if codec.kind == "chain" and not codec.values.get("stages"):
            yield (name, *where, "stages"), "a chain needs at least one stage, such as [adc, {kind: quantise, bits: 8}]"


def _analog(name: str, link: LinkSpec) -> Found:
    if kinds.read("transport", link.transport.kind).flags.get("analog") is not True:
        return
    for where, codec, flags in _codecs(link):
        if flags.get("integer_values") is True:
            message = f"{codec.kind} sends codes, and the transport analog sends real values as symbols; use reliable"
            yield (name, *where), message


def uplink_chain_has_stages(uplink: LinkSpec) -> Found:
    return _chains("uplink", uplink)


def downlink_chain_has_stages(downlink: LinkSpec) -> Found:
    return _chains("downlink", downlink)


def uplink_analog_sends_reals(uplink: LinkSpec) -> Found:
    return _analog("uplink", uplink)


def downlink_analog_sends_reals(downlink: LinkSpec) -> Found:
    return _analog("downlink", downlink)


def training_ends(budget: BudgetSpec) -> Found:
    limits = [name for name in type(budget).model_fields if name != "ledger"]
    if all(getattr(budget, name) is None for name in limits):
        yield ("budget",), f"no limit: training would never end; give at least one of {', '.join(limits)}"


CHECKS: tuple[Callable[..., Found], ...] = (
    cut_inside_the_model,
    class_token,
    image_size_fits_patches,
    batch_fits_data,
    vanilla_has_one_client,
    downlink_codec_needs_no_tokens,
    tokens_reach_the_codec,
    codec_suits_model,
    uplink_chain_has_stages,
    downlink_chain_has_stages,
    uplink_analog_sends_reals,
    downlink_analog_sends_reals,
    training_ends,
)
