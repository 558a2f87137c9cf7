"""FedLite: product quantisation with a codebook for each batch, and a correction of the gradient."""

import math
from typing import Annotated, Any, Literal

import torch
from torch import Generator, Tensor
from torch.autograd import Function

from edgesim.codecs.base import Codec, Cut, Ratios, bits_for
from edgesim.codecs.parts.codebooks import learn, learn_flops, nearest, nearest_flops
from edgesim.codecs.parts.grids import check_finite
from edgesim.codecs.parts.kmeans import sizes_of
from edgesim.codecs.parts.knobs import one_of, whole, within
from edgesim.codecs.parts.precision import widen
from edgesim.wire import FLOAT_BITS, Below, Field, Manifest, Payload, Role, Smashed

Downlink = Literal["full", "codeword"]
SAMPLE, SAMPLE_PER_WORD = 16_384, 64  # sub-vectors of a group that a codebook is learned from at most
USUAL_BITS, MOST_BITS = 6, 12  # of a code, where xi decides


class FedLite(Codec):
    """FedLite: sub-vectors of every sample are replaced by the nearest word of a codebook made for the batch.

    Reconstruction from the published abstract; details are this project's choice (compression.md 2.12), with the older ADC
    repository's methods/fedlite.py for the correction and the charges.
    A sample's D values are cut into q = D / length sub-vectors, these by position into R groups; k-means makes the L words of a
    group from its B q / R sub-vectors (drawn ones, where there are more than 64 L or 16384); each is the mean of all it codes.
    The client uses  G = dl/dz' + lambda (z - z'),  the gradient of an added lambda/2 |z - z'|^2, with lambda = correction / B.
    With `answer: full` W = z' and the server answers dl/dz' in full, or through the downlink's own codec. With `codeword` W is
    the codebook, so the answer is as small: each sub-vector gets the mean of dl/dz' over those that share its word.
    Ledgers: paper R L / (B q) + q ceil(log2 L) / (32 D) up, 1 or R L / (B q) down; code charges the latter down in any case.

    length      of a sub-vector; must divide D
    centroids   L, words of a group; fewer where there are fewer sub-vectors
    groups      R, codebooks; must divide D / length
    xi          in place of length and centroids: bits of the codes over 32 bits a value, the codebooks not included. Takes the
                shortest length at which a code has 6 bits or more, up to 12
    correction  lambda B; 0 for none
    answer      `full` or `codeword`
    max_iter    k-means iterations, all of them charged

    >>> from edgesim.codecs.base import Cut
    >>> FedLite(Cut((197, 192)), length=8, centroids=64).manifest(64).by_role
    {'values': 1815552, 'side': 16384, 'labels': 0, 'model': 0}
    """

    integer_values = True
    reconstruction = True

    def __init__(
        self,
        cut: Cut,
        *,
        xi: Annotated[float, "(0, 1]"] | None = None,
        length: Annotated[int, "[1, inf)"] | None = None,
        centroids: Annotated[int, "[2, 65536]"] | None = None,
        groups: Annotated[int, "[1, inf)"] = 1,
        correction: Annotated[float, "[0, inf)"] = 0.0064,
        answer: Downlink = "full",
        max_iter: Annotated[int, "[1, inf)"] = 10,
    ) -> None:
        super().__init__(cut)
        whole("[1, inf)", groups=groups, max_iter=max_iter)
        within("[0, inf)", correction=correction)
        one_of(answer=(answer, Downlink))
        self.length, self.centroids = self._shape(xi, length, centroids)
        self.parts = cut.features // self.length  # q
        if self.parts % groups:
            raise ValueError(f"groups must divide the {self.parts} sub-vectors of a sample, got {groups}")
        self.groups, self.correction, self.answer, self.max_iter = groups, correction, answer, max_iter
        self.integer_values = answer == "full"

    def _shape(self, xi: float | None, length: int | None, centroids: int | None) -> tuple[int, int]:
        """Length of a sub-vector and words of a codebook from the knobs."""
        total = self.cut.features
        if xi is not None and (length, centroids) == (None, None):
            within("(0, 1]", xi=xi)
            if FLOAT_BITS * total * xi < 1.0:
                raise ValueError(f"xi must be at least {1 / (FLOAT_BITS * total):.2g}, one bit a sample, got {xi}")
            lengths = [size for size in range(1, total + 1) if total % size == 0]
            size = next((size for size in lengths if FLOAT_BITS * size * xi >= USUAL_BITS), total)
            return size, 1 << min(MOST_BITS, math.floor(FLOAT_BITS * size * xi + 1e-9))
        if xi is not None or length is None or centroids is None:
            raise ValueError(f"give either xi, or length and centroids; got xi={xi}, length={length}, centroids={centroids}")
        whole(f"[1, {total}]", length=length)
        whole("[2, 65536]", centroids=centroids)
        if total % length:
            raise ValueError(f"length must divide the {total} values of a sample, got {length}")
        return length, centroids

    # -- sizes --------------------------------------------------------------------------------------------------------

    @property
    def item(self) -> tuple[int, ...]:
        return self.cut.item if self.answer == "full" else (self.length,)

    def rows(self, batch: int) -> int:
        return batch if self.answer == "full" else self.groups * self.words(batch)

    def words(self, batch: int) -> int:
        """L for `batch` samples: no more words than sub-vectors of a group."""
        return min(self.centroids, batch * self.parts // self.groups)

    def manifest(self, batch: int) -> Manifest:
        words, full = self.words(batch), self.answer == "full"
        role: Role = "values" if full else "side"
        codes = Field("values" if full else "codes", (batch, self.parts), bits_for(words), role, form=Below(words))
        shape = (self.groups * words, self.length)
        book = Field("book" if full else "values", shape, FLOAT_BITS, "side" if full else "values", analog=not full)
        base, ratios = self.cut.base_bits(batch), self.ratios(batch)
        fields = (codes, book, *self.cut.label_fields(batch))
        return Manifest(fields, base * ratios.paper_up, base * ratios.code_up)

    def ratios(self, batch: int) -> Ratios:
        words = self.words(batch)
        book = self.groups * words / (batch * self.parts)
        up = book + self.parts * bits_for(words) / (FLOAT_BITS * self.cut.features)
        return Ratios(up, 1.0 if self.answer == "full" else book, up, book)

    def flops(self, batch: int) -> tuple[float, float]:
        """Learning the books (`learn_flops`), coding (`nearest_flops`), means 1 a value.

        The correction takes 3 a value, charged here; looking words up costs none.
        """
        vectors, words = batch * self.parts // self.groups, self.words(batch)
        learning = learn_flops(min(vectors, _most(words)), self.length, words, self.max_iter)
        coding = nearest_flops(vectors, self.length, words)
        return self.groups * (learning + coding) + 4.0 * batch * self.cut.features, 0.0

    # -- tensors ------------------------------------------------------------------------------------------------------

    def encode(self, smashed: Smashed, generator: Generator) -> Payload:
        """See `Codec.encode`. Raises RunError where values are not finite."""
        x = widen(smashed.x)
        batch, words = len(x), self.words(len(x))
        check_finite("fedlite", x.detach())
        with torch.no_grad():
            vectors = self._vectors(x.detach())  # [R, B q / R, s]
            learned = learn(vectors, words, self.max_iter, generator, most=_most(words))
            codes = nearest(vectors, learned)  # [R, B q / R]
            numbers = (codes + words * torch.arange(self.groups, device=x.device)[:, None]).flatten()  # among all books
            sizes = sizes_of(numbers, self.groups * words).clamp_min(1)[:, None]
        weight = self.correction / batch
        book = self._book(x, numbers, sizes)
        coded = self._placed(book.detach().index_select(0, numbers))  # z'
        corrected = _Corrected.apply(x, weight * (x.detach() - coded))
        handle = corrected if self.answer == "full" else self._book(corrected, numbers, sizes)
        sent = {"codes": self._by_sample(codes), "book": book.detach().float()}
        full = self.answer == "full"
        tensors = {"values": sent["codes"], "book": sent["book"]} if full else {"values": sent["book"], "codes": sent["codes"]}
        return Payload(self.manifest(batch), tensors | self.cut.label_tensors(smashed.labels), handle=handle)

    def _book(self, x: Tensor, numbers: Tensor, sizes: Tensor) -> Tensor:
        """Means of the sub-vectors of each word, [R L, s], differentiable in x; 0 for words that nobody uses."""
        flat = self._vectors(x).reshape(-1, self.length)
        return flat.new_zeros(len(sizes), self.length).index_add(0, numbers, flat) / sizes

    def _vectors(self, x: Tensor) -> Tensor:
        """[B, ...] -> [R, B q / R, s]: sub-vectors by group of positions, then by sample."""
        return x.reshape(len(x), self.groups, -1, self.length).transpose(0, 1).reshape(self.groups, -1, self.length)

    def _placed(self, vectors: Tensor) -> Tensor:
        """The inverse of `_vectors`, whose first two axes may be one: -> [B, *cut.item]."""
        each = self.parts // self.groups
        return vectors.reshape(self.groups, -1, each, self.length).transpose(0, 1).reshape(-1, *self.cut.item)

    def _by_sample(self, codes: Tensor) -> Tensor:
        """[R, B q / R] -> [B, q]."""
        return codes.reshape(self.groups, -1, self.parts // self.groups).transpose(0, 1).reshape(-1, self.parts)

    def receive(self, payload: Payload) -> Tensor:
        if self.answer == "full":
            return self._looked_up(payload.tensors["book"], payload.tensors["values"])
        return payload.tensors["values"]

    def _looked_up(self, book: Tensor, codes: Tensor) -> Tensor:
        """z' from the books [R L, s] and the codes [B, q]."""
        words = len(book) // self.groups
        shift = words * torch.arange(self.groups, device=book.device).repeat_interleave(self.parts // self.groups)
        return book[codes + shift].reshape(-1, *self.cut.item)

    def expand(self, wire: Tensor, payload: Payload) -> Smashed:
        labels = payload.tensors.get("labels")
        return Smashed(wire if self.answer == "full" else self._looked_up(wire, payload.tensors["codes"]), labels)


def _most(words: int) -> int:
    """Sub-vectors that a book of so many words is learned from at most."""
    return max(words, min(SAMPLE, SAMPLE_PER_WORD * words))


class _Corrected(Function):
    """The identity, whose gradient gets an addition."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, addition: Tensor) -> Tensor:
        ctx.save_for_backward(addition)
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        [addition] = ctx.saved_tensors
        return gradients[0] + addition, None
