"""A codec whose size follows the link and the budget, step by step."""

from functools import cached_property
from typing import Annotated, Literal

import torch
from torch import Generator, Tensor, nn

from edgesim.codecs.base import Codec, Cut, Peek, Ratios, bits_for
from edgesim.codecs.parts.knobs import one_of, whole, within
from edgesim.codecs.target import solved
from edgesim.errors import RunError
from edgesim.wire import Field, LedgerName, Manifest, Payload, Smashed

Policy = Literal["deadline", "budget"]
USUAL_ROWS = 64  # until it is told how many rows there are


class Adaptive(Codec):
    """Another codec in one of several sizes, chosen anew for every step by what the link and the budget say.

    `levels` ratios in equal proportions from xi_min to xi_max give as many codecs, the nearest there are; `codec` says what
    they have in common. Before a client encodes, its pilot (edgesim/sim/pilot.py) chooses one, from what its last steps took
    and from what is left of the budget, never from what the channel is going to be:
    `deadline`  the largest whose uplink and downlink fit into step_s at the rates just seen, less a margin that grows when a
        step is late and shrinks when it is not, so that a share of the steps is on time in the long run (adaptive conformal
        inference, I. Gibbs and E. Candes, NeurIPS 2021)
    `budget`  the largest whose step costs no more than an even share of what is left of each limit of the budget (bits,
        seconds, joules) for each of the steps to go, at the mean rate so far; past `steps`, the largest that what is left pays
    Nothing has been seen before the first step, so that one is of the least size where more than bits matter.
    The number of the choice travels along as side information; the server reads it from there. Sizes, FLOPs, ratios and the
    answer are those of the codec chosen; what is announced without a choice, and used at evaluation, is the largest.
    Not from a paper. Ledgers: those of the codec chosen.

    codec   what is made larger or smaller, stating no size itself; with no memory and nothing trained
    policy  `deadline` or `budget`
    step_s  deadline: what uplink and downlink of a step may take together [s]
    share   deadline: of the steps, that are to be on time
    steps   budget: how many, of all clients together, it is to last; its limits are those of the scenario
    xi_min  least ratio, in the ledger that `xi_ledger` says
    xi_max  greatest ratio
    levels  ratios to choose from; those that make the same codec count once

    >>> from edgesim.codecs.base import Cut
    >>> from edgesim.codecs.quantise import Quantise
    >>> cut = Cut((197, 192))
    >>> codec = Adaptive(cut, codec=Quantise(cut), policy="deadline", step_s=0.1, xi_min=0.125, xi_max=0.5, levels=3)
    >>> [codec.pinned(number).manifest(1).by_role["values"] for number in range(3)] == [b * 37_824 for b in (4, 8, 16)]
    True
    """

    adapts = True
    fixed_size = False
    _place: Tensor

    def __init__(
        self,
        cut: Cut,
        *,
        codec: Codec,
        policy: Policy,
        step_s: Annotated[float, "(0, inf)"] | None = None,
        share: Annotated[float, "(0, 1)"] = 0.9,
        steps: Annotated[int, "[1, inf)"] | None = None,
        xi_min: Annotated[float, "(0, 1]"] = 0.02,
        xi_max: Annotated[float, "(0, 1]"] = 0.5,
        levels: Annotated[int, "[2, 256]"] = 16,
    ) -> None:
        super().__init__(cut)
        one_of(policy=(policy, Policy))
        within("(0, 1)", share=share)
        within("(0, 1]", xi_min=xi_min, xi_max=xi_max)
        whole("[2, 256]", levels=levels)
        if (policy == "deadline") != (step_s is not None) or (policy == "budget") != (steps is not None):
            raise ValueError(f"policy deadline takes step_s, policy budget takes steps; got step_s={step_s}, steps={steps}")
        if step_s is not None:
            within("(0, inf)", step_s=step_s)
        if steps is not None:
            whole("[1, inf)", steps=steps)
        if xi_min >= xi_max:
            raise ValueError(f"xi_min must be below xi_max, got {xi_min} and {xi_max}")
        if codec.cut != cut:
            raise ValueError(f"codec ({type(codec).__name__}) was built for {codec.cut}, but takes {cut}")
        if codec.state_dict() or codec.adapts:
            raise ValueError(f"codec ({type(codec).__name__}) is trained or remembers; adaptive takes others in its place")
        self.policy, self.step_s, self.share, self.steps = policy, step_s, share, steps
        self._model = [codec]  # in a list: no submodule, for it is never used itself
        self.targets = [xi_min * (xi_max / xi_min) ** (number / (levels - 1)) for number in range(levels)]
        self.needs_attention, self.needs_tokens = codec.needs_attention, codec.needs_tokens
        self.integer_values, self.both_ways = codec.integer_values, codec.both_ways
        self.reconstruction = codec.reconstruction
        self.level: int | None = None  # the largest
        self._graded: tuple[LedgerName, int] = ("paper", USUAL_ROWS)
        self.register_buffer("_place", torch.zeros(0), persistent=False)  # is where the codecs are to be

    @cached_property
    def choices(self) -> list[Codec]:
        """The codecs to choose from, the least first. Raises ValueError where a ratio is out of reach."""
        ledger, batch = self._graded
        made = [solved(self._model[0], xi, ledger, batch) for xi in self.targets]
        sizes = {codec.manifest(batch).bits: codec for codec in made}
        found = [sizes[bits] for bits in sorted(sizes)]
        self.made = nn.ModuleList(found).to(self._place.device)  # they move and change their mode with this one
        return found

    def graded(self, ledger: LedgerName, batch: int) -> "Adaptive":
        """The same with codecs that have these ratios in that ledger, for `batch` rows. Raises ValueError as `choices`."""
        other = Adaptive(self.cut, **self.knobs)
        other._graded = (ledger, batch)
        _ = other.choices
        return other

    def pinned(self, level: int) -> "Adaptive":
        """The same at one of its sizes, from 0, the least."""
        other = Adaptive(self.cut, **self.knobs)
        other.choices, other.level, other.adapts = self.choices, level, False
        return other

    @property
    def one_off_bits(self) -> int:
        return self._model[0].one_off_bits

    # -- other sizes --------------------------------------------------------------------------------------------------

    settings = (1.0,)

    def like(self, cut: Cut | None = None, dial: float | None = None) -> Codec:
        if dial is not None:
            raise ValueError("adaptive chooses xi itself: give xi_min and xi_max in place of xi")
        return Adaptive(cut or self.cut, **(self.knobs | {"codec": self._model[0].like(cut)}))

    # -- sizes --------------------------------------------------------------------------------------------------------

    @property
    def _codec(self) -> Codec:
        return self.choices[-1 if self.level is None else self.level]

    @property
    def _field(self) -> Field:
        return Field("level", (1,), bits_for(len(self.choices)), "side")

    @property
    def item(self) -> tuple[int, ...]:
        return self._codec.item

    def rows(self, batch: int) -> int:
        return self._codec.rows(batch)

    def decoded(self, batch: int) -> tuple[int, ...]:
        return self._codec.decoded(batch)

    def manifest(self, batch: int) -> Manifest:
        return self._with_level(self._codec.manifest(batch))

    def _with_level(self, inner: Manifest) -> Manifest:
        return Manifest((self._field, *inner.fields), inner.paper_bits, inner.code_bits)

    def arriving(self, batch: int, peek: Peek) -> Manifest:
        [level] = peek([self._field])
        if int(level) >= len(self.choices):
            raise ValueError(f"a message of level {int(level)}, but there are {len(self.choices)}")
        inner = self.choices[int(level)].arriving(batch, lambda fields: peek((self._field, *fields))[1:])
        return self._with_level(inner)

    def ratios(self, batch: int) -> Ratios:
        return self._codec.ratios(batch)

    def flops(self, batch: int) -> tuple[float, float]:
        """Those of the codec chosen; choosing takes a few operations a size, and is not counted."""
        return self._codec.flops(batch)

    # -- tensors ------------------------------------------------------------------------------------------------------

    def encode(self, smashed: Smashed, generator: Generator) -> Payload:
        payload = self._codec.encode(smashed, generator)
        level = torch.full((1,), self.choices.index(self._codec), device=smashed.x.device)
        tensors = {"level": level, **payload.tensors}
        return Payload(self._with_level(payload.manifest), tensors, handle=payload.handle, kept=payload.kept)

    def level_of(self, payload: Payload) -> int:
        """Which size a message has."""
        level = int(payload.tensors["level"])
        if level >= len(self.choices):
            raise RunError(f"a message came with level {level} of {len(self.choices)}: its side information must be protected")
        return level

    def receive(self, payload: Payload) -> Tensor:
        return self.choices[self.level_of(payload)].receive(payload)

    def expand(self, wire: Tensor, payload: Payload) -> Smashed:
        return self.choices[self.level_of(payload)].expand(wire, payload)

    def spread(self, outputs: Tensor, payload: Payload) -> Tensor:
        return self.choices[self.level_of(payload)].spread(outputs, payload)
