"""Codecs in series: each compresses what the one before leaves on the wire."""

import math
from collections.abc import Sequence
from dataclasses import replace

from torch import Generator, Tensor, nn

from edgesim.codecs.base import Codec, Cut, Peek, Ratios
from edgesim.wire import FLOAT_BITS, Field, Manifest, Payload, Smashed


class Chain(Codec):
    """Codecs in series, such as adc then quantise: published ratios multiply, side information and labels add up.

    Stage i + 1 takes the wire tensor of stage i as rows of their own, without labels; its fields replace the `values` of
    stage i. Only the last stage's wire tensor crosses the air, so the answer has its shape. Fields are named `i.name`, from 0.
    Only the first stage may need attention or change the number of rows; only the last may send anything but 32-bit values,
    since a later one would send 32-bit values again.
    Source: compression.md 2.2.11.

    stages  the codecs, in the order in which they compress; with an `xi` of the whole, the first that can be larger or smaller
            takes what size it needs for that
    """

    def __init__(self, cut: Cut, *, stages: list[Codec]) -> None:
        super().__init__(cut)
        _check(cut, stages)
        self.stages = nn.ModuleList(stages)
        self._stages = tuple(stages)  # the same, with their type
        self.needs_attention = any(stage.needs_attention for stage in stages)
        self.needs_tokens = any(stage.needs_tokens for stage in stages)
        self.integer_values = any(stage.integer_values for stage in stages)
        self.fixed_size = all(stage.fixed_size for stage in stages)
        self.reconstruction = any(stage.reconstruction for stage in stages)
        self.both_ways = any(stage.both_ways for stage in stages)

    @property
    def one_off_bits(self) -> int:
        return sum(stage.one_off_bits for stage in self._stages)

    def calibrate(self, z: Tensor) -> None:
        """The first stage's; later ones see no activations."""
        self._stages[0].calibrate(z)

    # -- other sizes --------------------------------------------------------------------------------------------------

    @property
    def _turned(self) -> int | None:
        """Place of the first stage that can be larger or smaller."""
        return next((place for place, stage in enumerate(self._stages) if stage.settings), None)

    @property
    def settings(self) -> Sequence[float]:
        return () if self._turned is None else self._stages[self._turned].settings

    def like(self, cut: Cut | None = None, dial: float | None = None) -> Codec:
        stages: list[Codec] = []
        for place, stage in enumerate(self._stages):
            seen = Cut(stages[-1].item) if stages else cut
            stages.append(stage.like(seen, dial if place == self._turned else None))
        return Chain(cut or self.cut, stages=stages)

    # -- sizes --------------------------------------------------------------------------------------------------------

    @property
    def item(self) -> tuple[int, ...]:
        return self._stages[-1].item

    def _batches(self, batch: int) -> list[int]:
        """Rows that each stage takes."""
        counts = [batch]
        for stage in self._stages:
            counts.append(stage.rows(counts[-1]))
        return counts[:-1]

    def rows(self, batch: int) -> int:
        return self._stages[-1].rows(self._batches(batch)[-1])

    def decoded(self, batch: int) -> tuple[int, ...]:
        return self._stages[0].decoded(batch)

    def manifest(self, batch: int) -> Manifest:
        pairs = zip(self._stages, self._batches(batch), strict=True)
        return self._joined(batch, [stage.manifest(rows) for stage, rows in pairs])

    def _joined(self, batch: int, manifests: Sequence[Manifest]) -> Manifest:
        fields: list[Field] = []
        for place, manifest in enumerate(manifests):
            for item in manifest.fields:
                if item.name != "values" or place == len(manifests) - 1:
                    fields.append(_renamed(item, f"{place}.{item.name}"))
        base, ratios = self.cut.base_bits(batch), self.ratios(batch)
        return Manifest(tuple(fields), base * ratios.paper_up, base * ratios.code_up)

    def arriving(self, batch: int, peek: Peek) -> Manifest:
        """Every stage learns its sizes from its own side information, behind that of the stages before it."""
        manifests: list[Manifest] = []
        before: list[Field] = []
        rows = batch
        for stage in self._stages:
            manifests.append(stage.arriving(rows, _behind(before, peek)))
            before += [item for item in manifests[-1].fields if item.role == "side"]
            rows = next((item.shape[0] for item in manifests[-1].fields if item.name == "values"), rows)
        return self._joined(batch, manifests)

    def ratios(self, batch: int) -> Ratios:
        each = [stage.ratios(rows) for stage, rows in zip(self._stages, self._batches(batch), strict=True)]
        return Ratios(*(math.prod(column) for column in zip(*each, strict=True)))

    def flops(self, batch: int) -> tuple[float, float]:
        each = [stage.flops(rows) for stage, rows in zip(self._stages, self._batches(batch), strict=True)]
        encode, decode = zip(*each, strict=True)
        return sum(encode), sum(decode)

    # -- tensors ------------------------------------------------------------------------------------------------------

    def encode(self, smashed: Smashed, generator: Generator) -> Payload:
        payloads: list[Payload] = []
        for stage in self._stages:
            payloads.append(stage.encode(smashed if not payloads else Smashed(_handle(payloads[-1])), generator))
        manifest = self._joined(len(smashed.x), [payload.manifest for payload in payloads])
        each = enumerate(payload.tensors for payload in payloads)
        tensors = {f"{place}.{name}": tensor for place, own in each for name, tensor in own.items()}
        sent = {item.name: tensors[item.name] for item in manifest.fields}
        return Payload(manifest, sent, handle=payloads[-1].handle, kept={"stages": [payload.kept for payload in payloads]})

    def receive(self, payload: Payload) -> Tensor:
        last = len(self._stages) - 1
        return self._stages[last].receive(self._part(payload, last))

    def expand(self, wire: Tensor, payload: Payload) -> Smashed:
        smashed = Smashed(wire)
        for place in reversed(range(len(self._stages))):
            smashed = self._stages[place].expand(smashed.x, self._part(payload, place))
        return smashed

    def spread(self, outputs: Tensor, payload: Payload) -> Tensor:
        return self._stages[0].spread(outputs, self._part(payload, 0))

    def _part(self, payload: Payload, place: int) -> Payload:
        """What stage `place` sees of a message."""
        prefix = f"{place}."
        fields = tuple(
            _renamed(item, item.name.removeprefix(prefix)) for item in payload.manifest.fields if item.name.startswith(prefix)
        )
        tensors = {item.name: payload.tensors[prefix + item.name] for item in fields}
        kept = payload.kept.get("stages")
        return Payload(Manifest(fields), tensors, kept=kept[place] if kept else {})


def _renamed(item: Field, name: str) -> Field:
    return replace(item, name=name)


def _behind(before: Sequence[Field], peek: Peek) -> Peek:
    """Looks at what stands behind some other fields."""
    here = tuple(before)
    return lambda fields: peek((*here, *fields))[len(here) :]


def _handle(payload: Payload) -> Tensor:
    if payload.handle is None:
        raise ValueError("a stage of the chain gave no wire tensor (payload.handle)")
    return payload.handle


def _check(cut: Cut, stages: Sequence[Codec]) -> None:
    """ValueError where the stages do not fit each other."""
    if not stages:
        raise ValueError("stages must name at least one codec")
    batch = 64
    for place, stage in enumerate(stages):
        name = f"stages[{place}] ({type(stage).__name__})"
        expected = cut if place == 0 else Cut(stages[place - 1].item)
        if stage.cut != expected:
            raise ValueError(f"{name} was built for {stage.cut}, but takes {expected}")
        if place and stage.needs_attention:
            raise ValueError(f"{name} needs the class token's attention, which only the first stage sees; put it first")
        if place and stage.decoded(batch) != (batch, *stage.cut.item):
            raise ValueError(f"{name} gives back rows of another number or shape than it takes; put it first")
        plain = Field("values", (stage.rows(batch), *stage.item), FLOAT_BITS, "values", analog=True)
        if place < len(stages) - 1 and plain not in stage.manifest(batch).fields:
            raise ValueError(f"{name} sends something else than 32-bit values, which a later stage would undo; put it last")
