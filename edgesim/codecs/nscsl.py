"""NSC-SL: a low-rank factorisation whose rank follows from the singular values and the bits there are."""

from typing import Annotated, Literal

import torch
from torch import Generator, Tensor

from edgesim.codecs.base import Codec, Cut, Peek, Ratios, bits_for
from edgesim.codecs.parts.grids import check_finite
from edgesim.codecs.parts.knobs import one_of, whole, within
from edgesim.codecs.parts.lowrank import eigen_flops, factor_flops, factors, rank_for_energy
from edgesim.codecs.parts.precision import widen
from edgesim.wire import FLOAT_BITS, Below, Field, Manifest, Payload, Smashed

Feedback = Literal["inner", "off"]


class NSCSL(Codec):
    """NSC-SL: low-rank factors of activations and of gradients, with error compensation inside the message.

    Reconstruction from the published abstract; details are this project's choice (compression.md 2.11).
    The rows make a matrix X of M rows and d columns (the last axis). Its rank is r = min(r_E, r_BW), at least 1, with
        r_E = min{r : sum_{i <= r} s_i^2 >= energy sum_i s_i^2},   r_BW = floor(xi M d / (M + d))
    from its singular values s_i and the bits allowed. Alternating orthogonal iteration, P <- orth(X Q) and Q <- X^t P, gives
    X' = P Q^t. It starts from a Gaussian Q drawn anew in each step, so that a message follows from its batch alone (the method
    may have started from the step before). `inner` feedback gives the last few ranks to the residual X - P Q^t.
    Straight-through: the answer is dl/dX', factorised with bases of its own where the downlink has this codec too.
    Ledgers: paper and code charge r_BW (M + d) / (M d), the most that is sent; wire what r takes, and r itself. Both factors
    are real values and may travel as symbols.

    xi        greatest ratio of this direction's message; a batch too short for one rank takes more
    energy    share of the energy at which the rank suffices; 1 always uses all the ranks that xi allows
    rounds    of the iteration
    feedback  `inner` or `off`
    extra     ranks of the inner feedback, taken out of r; at most r - 1

    >>> from edgesim.codecs.base import Cut
    >>> manifest = NSCSL(Cut((197, 192)), xi=0.1).manifest(128)
    >>> manifest.by_role["values"] / 32 / (25_216 + 192), round(manifest.bits / 154_927_104, 4)
    (19.0, 0.0997)
    """

    fixed_size = False  # fewer ranks where fewer hold the energy
    reconstruction = True

    def __init__(
        self,
        cut: Cut,
        *,
        xi: Annotated[float, "(0, 1]"] = 0.1,
        energy: Annotated[float, "(0, 1]"] = 0.99,
        rounds: Annotated[int, "[1, inf)"] = 2,
        feedback: Feedback = "inner",
        extra: Annotated[int, "[1, inf)"] = 2,
    ) -> None:
        super().__init__(cut)
        within("(0, 1]", xi=xi, energy=energy)
        whole("[1, inf)", rounds=rounds, extra=extra)
        one_of(feedback=(feedback, Feedback))
        self.width = cut.item[-1]
        if xi * self.width < 1.0:  # xi M d / (M + d) < xi d
            raise ValueError(f"xi must be above {1 / self.width:.2g}, one rank of {self.width}, got {xi}")
        self.xi, self.energy, self.rounds = xi, energy, rounds
        self.extra = extra if feedback == "inner" else 0
        self.fixed_size = energy == 1.0

    # -- sizes --------------------------------------------------------------------------------------------------------

    @property
    def item(self) -> tuple[int, ...]:
        return self.cut.item

    def _tokens(self, batch: int) -> int:
        """M, the rows of the matrix."""
        return batch * self.cut.features // self.width

    def rank(self, batch: int) -> int:
        """r_BW, the most ranks that a message of `batch` samples may have."""
        tokens = self._tokens(batch)
        allowed = int(self.xi * tokens * self.width / (tokens + self.width))
        return min(max(1, allowed), tokens, self.width)

    def manifest(self, batch: int) -> Manifest:
        return self._manifest(batch, self.rank(batch))

    def _manifest(self, batch: int, rank: int) -> Manifest:
        left = Field("left", (self._tokens(batch), rank), FLOAT_BITS, "values", analog=True)
        right = Field("right", (self.width, rank), FLOAT_BITS, "values", analog=True)
        charge = self.cut.base_bits(batch) * self.ratios(batch).paper_up
        return Manifest((left, right, *self._rank_fields(batch), *self.cut.label_fields(batch)), charge, charge)

    def _rank_fields(self, batch: int) -> tuple[Field, ...]:
        """The rank less one, where it depends on the data."""
        bits = 0 if self.fixed_size else bits_for(self.rank(batch))
        return (Field("rank", (1,), bits, "side", form=Below(self.rank(batch))),) if bits else ()

    def arriving(self, batch: int, peek: Peek) -> Manifest:
        told = peek(self._rank_fields(batch))
        return self._manifest(batch, int(told[0]) + 1 if told else self.rank(batch))

    def ratios(self, batch: int) -> Ratios:
        tokens = self._tokens(batch)
        up = self.rank(batch) * (tokens + self.width) / (tokens * self.width)
        return Ratios(up, 1.0, up, 1.0)

    def flops(self, batch: int) -> tuple[float, float]:
        """Gram matrix 2 M d m and its eigenvalues with m = min(M, d), unless `energy` is 1; `factor_flops` at r_BW; residual
        2 M d r. Decoding: 2 M d r."""
        tokens, rank = self._tokens(batch), self.rank(batch)
        least = min(tokens, self.width)
        product = 2.0 * tokens * self.width * rank
        spectrum = 0.0 if self.energy == 1.0 else 2.0 * tokens * self.width * least + eigen_flops(least)
        residual = product if self._parts(rank)[1] else 0.0
        return spectrum + factor_flops(tokens, self.width, rank, self.rounds) + residual, product

    def _parts(self, rank: int) -> tuple[int, int]:
        """Ranks of the factorisation and of its residual."""
        extra = min(self.extra, rank - 1)
        return rank - extra, extra

    # -- tensors ------------------------------------------------------------------------------------------------------

    def encode(self, smashed: Smashed, generator: Generator) -> Payload:
        """See `Codec.encode`. Raises RunError where values are not finite."""
        wire = widen(smashed.x)
        x = wire.detach().float().reshape(-1, self.width)  # [M, d]
        check_finite("nscsl", x)
        rank = self.rank(len(wire))
        if self.energy < 1.0:
            rank = min(rank, rank_for_energy(x, self.energy))
        main, extra = self._parts(rank)
        left, right = factors(x, main, self.rounds, generator)
        if extra:
            more = factors(x - left @ right.t(), extra, self.rounds, generator)
            left, right = torch.cat([left, more[0]], 1), torch.cat([right, more[1]], 1)
        told = torch.tensor([rank - 1], device=wire.device)
        sent = {"left": left.contiguous(), "right": right.contiguous()}  # as they arrive: products round by how factors lie
        tensors = {**sent, "rank": told, **self.cut.label_tensors(smashed.labels)}
        manifest = self._manifest(len(wire), rank)
        return Payload(manifest, {item.name: tensors[item.name] for item in manifest.fields}, handle=wire)

    def receive(self, payload: Payload) -> Tensor:
        return (payload.tensors["left"] @ payload.tensors["right"].t()).reshape(-1, *self.item)

    def expand(self, wire: Tensor, payload: Payload) -> Smashed:
        return Smashed(wire, payload.tensors.get("labels"))
