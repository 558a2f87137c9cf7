"""Attention-based Double Compression: samples with similar attention are merged, and only their best tokens are sent."""

import math
from typing import Annotated, Literal

import torch
from torch import Generator, Tensor
from torch.nn.functional import pad

from edgesim.codecs.base import Codec, Cut, Peek, Ratios, bits_for
from edgesim.codecs.parts import balance
from edgesim.codecs.parts.balance import Pair, Split
from edgesim.codecs.parts.kmeans import Clusters, Init, TolMode, kmeans, kmeans_flops
from edgesim.codecs.parts.knobs import one_of, whole, within
from edgesim.codecs.parts.merging import best_positions, clusters_told, label_shares, mean_rows, merge_tokens, received_clusters
from edgesim.codecs.parts.precision import widen
from edgesim.errors import RunError
from edgesim.wire import FLOAT_BITS, Below, Field, Manifest, Payload, Smashed

Key = Literal["cls_score", "patch_score", "cls_token", "avg_token"]
Select = Literal["mean_score", "centroid"]
LossWeight = Literal["cluster", "size"]
Labels = Literal["sizes", "assignment", "dense"]


class ADC(Codec):
    """Attention-based Double Compression: merges samples and drops tokens by the class token's attention.

    k-means groups the B samples of a batch into T clusters C_i; a cluster sends the mean of its samples at k of their n tokens,
        F_i = (1/|C_i|) sum_{b in C_i} Z_b[J_i],   J_i = {0} and the k - 1 tokens of highest mean class-token attention,
    and its soft label Y_i, the mean of its samples' labels. The answer is dl/dF, T k d numbers, without indices.
    T = min(max(1, floor(xi^p B)), B) and k = max(1, floor(xi^q n)) with the exponents (p, q) of `split`; fewer clusters are
    sent where fewer samples differ. The class token is always kept and first; token positions need not be sent.
    Sources: Alvetreti et al., arXiv 2509.15058, equations 4 and 5; compression.md 2.2. Edge cases as compression.md 2.2.8
    recommends: T = 1 is a plain mean, T = B merges nothing.
    Ledgers: paper T k / (B n) both ways; code xi as asked for, whatever T and k come out (with T and k given, T k / (B n)).
    `split: measured` clusters every batch for each pair of `balance.pairs` and sends the one with the largest
    (1 - V) (1 + M) / 2 of `balance.fidelity`: V is the share of the keys' variance that lies within clusters, M the attention
    mass on the tokens kept. The message is as large as the largest pair's whatever is chosen: T k token rows [T k, d], zeros up
    to that size, and both numbers. So sizes are known before any data is; the server is charged for the longest sequence.

    xi           target ratio to no compression, both ways; or give T and k
    split        how xi is shared between samples and tokens: `sqrt` xi^1/2 xi^1/2 (the paper), `fifth` xi^1/5 xi^4/5 (published
                 code until 2025-09-20), `r1bug` xi^1/2 xi^1/4 (the 2026 release; its true ratio is xi^3/4), or `measured`: for
                 each batch the best of five shares, as below
    T            merged samples per batch, with k in place of xi; a shorter batch has at most as many as samples
    k            tokens kept, the class token included
    key          what is clustered: `cls_score` class-token attention [n]; `patch_score` the same without that to itself, so by
                 where the model looks, which then ranks tokens too; `cls_token` or `avg_token` of the activations [d]
    select       what ranks tokens: `mean_score` of the cluster (the paper), or `centroid` as the published code does: with
                 a key in feature space it takes features 1..d-1 for token scores, so it reaches the tokens below min(n, d) only
    loss_weight  weight of a cluster in the loss: every `cluster` alike (published code), or by its `size` |C_i|/B
    init         first centroids: `random_rows` of the batch (published code) or `kmeans++`
    max_iter     most k-means iterations; that many are charged, whatever the data
    tol          k-means rests when the squared sum of centroid shifts is below this
    tol_mode     tol as it is (`official`), or `relative` to the variance of the keys
    labels       how labels travel: grouped by cluster with cluster `sizes` (smallest), each with its cluster's number
                 (`assignment`), or as `dense` soft labels; soft labels that come in always travel dense

    >>> from edgesim.codecs.base import Cut
    >>> manifest = ADC(Cut((197, 192), classes=100), xi=0.1).manifest(128)
    >>> manifest.by_role["values"], manifest.by_role["labels"] + manifest.by_role["side"]
    (15237120, 1216)
    """

    needs_attention = True
    needs_tokens = True
    fixed_size = False  # fewer different samples than clusters leave fewer clusters

    def __init__(
        self,
        cut: Cut,
        *,
        xi: Annotated[float, "(0, 1]"] | None = None,
        split: Split = "sqrt",
        T: Annotated[int, "[1, inf)"] | None = None,
        k: Annotated[int, "[1, inf)"] | None = None,
        key: Key = "cls_score",
        select: Select = "mean_score",
        loss_weight: LossWeight = "cluster",
        init: Init = "random_rows",
        max_iter: Annotated[int, "[1, inf)"] = 50,
        tol: Annotated[float, "[0, inf)"] = 1e-4,
        tol_mode: TolMode = "official",
        labels: Labels = "sizes",
    ) -> None:
        super().__init__(cut)
        if len(cut.item) != 2:
            raise ValueError(f"adc compresses rows of (tokens, width), got rows of shape {cut.item}")
        one_of(split=(split, Split), key=(key, Key), select=(select, Select), loss_weight=(loss_weight, LossWeight))
        one_of(labels=(labels, Labels), init=(init, Init), tol_mode=(tol_mode, TolMode))
        whole("[1, inf)", max_iter=max_iter)
        within("[0, inf)", tol=tol)
        self.tokens, self.width = cut.item
        self.xi, self.T, self.split = xi, T, split
        self.k = self._tokens_kept(k)  # the most of all pairs where the split is measured
        self.key, self.select, self.loss_weight = key, select, loss_weight
        self.init, self.max_iter, self.tol, self.tol_mode = init, max_iter, tol, tol_mode
        self.labels = "dense" if cut.soft_labels else labels
        self.fixed_size = split == "measured" and self.labels != "dense"
        self.key_width = self.tokens if key in ("cls_score", "patch_score") else self.width
        reach = min(self.tokens, self.key_width)
        if select == "centroid" and self.k > reach:
            raise ValueError(f"select=centroid with key={key} reaches {reach} tokens, but k is {self.k}; use mean_score")

    def _tokens_kept(self, k: int | None) -> int:
        """k from the knobs; ValueError unless they are xi alone, or T and k."""
        if self.xi is not None and (self.T, k) == (None, None):
            within("(0, 1]", xi=self.xi)
            return balance.tokens_kept(self.split, self.xi, self.tokens)[-1]
        if self.xi is not None or self.T is None or k is None or self.split == "measured":
            raise ValueError(f"give either xi, or both T and k; got xi={self.xi}, T={self.T}, k={k}, split={self.split}")
        whole("[1, inf)", T=self.T)
        whole(f"[1, {self.tokens}]", k=k)
        return k

    # -- sizes --------------------------------------------------------------------------------------------------------

    @property
    def item(self) -> tuple[int, ...]:
        return (self.width,) if self.split == "measured" else (self.k, self.width)

    def pairs(self, batch: int) -> tuple[Pair, ...]:
        """T, the clusters wanted of `batch` samples, and k; several to choose from where the split is measured."""
        if self.xi is None:
            assert self.T is not None
            return (Pair(min(self.T, batch), self.k),)
        return balance.pairs(self.split, self.xi, batch, self.tokens)

    def clusters(self, batch: int) -> int:
        """The most clusters that `batch` samples may be merged to."""
        return max(pair.clusters for pair in self.pairs(batch))

    def rows(self, batch: int) -> int:
        """T rows of k tokens; token rows where the split is measured."""
        return max(pair.rows for pair in self.pairs(batch)) if self.split == "measured" else self.clusters(batch)

    def decoded(self, batch: int) -> tuple[int, ...]:
        """A measured split may give more rows of fewer tokens, which cost the server less (its attention is quadratic)."""
        if self.split != "measured":
            return (self.rows(batch), self.k, self.width)
        longest = max(pair.tokens for pair in self.pairs(batch))
        return (math.ceil(self.rows(batch) / longest), longest, self.width)

    def manifest(self, batch: int) -> Manifest:
        return self._manifest(batch, self.clusters(batch))

    def arriving(self, batch: int, peek: Peek) -> Manifest:
        side = [item for item in self.manifest(batch).fields if item.role == "side"]
        told = dict(zip((item.name for item in side), peek(side), strict=True))
        return self._manifest(batch, clusters_told(told, self.clusters(batch)))

    def _manifest(self, batch: int, sent: int) -> Manifest:
        """The message if `sent` clusters were found."""
        rows = self.rows(batch) if self.split == "measured" else sent
        values = Field("values", (rows, *self.item), FLOAT_BITS, "values", analog=True)
        fields = (values, *self._label_fields(batch, sent), *self._pair_fields(batch))
        base, ratios = self.cut.base_bits(batch), self.ratios(batch)
        return Manifest(fields, base * ratios.paper_up, base * ratios.code_up)

    def _pair_fields(self, batch: int) -> tuple[Field, ...]:
        """How many clusters there are where nothing else tells, and of how many tokens."""
        sent = Field("sent", (1,), bits_for(self.clusters(batch) + 1), "side")
        if self.split != "measured":
            dense = self.labels == "dense" or not self.cut.classes
            return (sent,) if dense and self.loss_weight != "size" and self.clusters(batch) < batch else ()
        return sent, Field("kept", (1,), bits_for(self.tokens + 1), "side")

    def _label_fields(self, batch: int, sent: int) -> tuple[Field, ...]:
        # One size for every cluster wanted; clusters that were not found have size 0.
        sizes = Field("sizes", (self.clusters(batch),), bits_for(batch + 1), "side")
        if not self.cut.classes or self.labels == "dense":
            dense = (Field("labels", (sent, self.cut.classes), FLOAT_BITS, "labels"),) if self.cut.classes else ()
            return (*dense, sizes) if self.loss_weight == "size" else dense
        if self.labels == "sizes":
            return (*self.cut.label_fields(batch), sizes)
        count = self.clusters(batch)
        assignment = Field("assignment", (batch,), bits_for(count), "side", form=Below(count))
        return (*self.cut.label_fields(batch), assignment)

    def ratios(self, batch: int) -> Ratios:
        realised = self.rows(batch) * math.prod(self.item) / (batch * self.cut.features)
        nominal = realised if self.xi is None else self.xi
        return Ratios(realised, realised, nominal, nominal)

    def flops(self, batch: int) -> tuple[float, float]:
        """k-means at `max_iter` iterations (`kmeans_flops`: an upper bound, so that the cost is known before any data is).

        Then: averaging tokens B n d (`avg_token`); scores of patches 2 B n (`patch_score`); mean scores B n + T n (where not
        the centroids); ranking, a sort of T rows, T n ceil(log2 n) comparisons; merging B k d + T k d, its adjoint T k d
        (charged here). A measured split clusters and ranks for every pair, measures each with 6 B m + B k (`fidelity`), and
        is charged the largest merging. Decoding: labels B + T C.
        """
        pairs, width = self.pairs(batch), self.key_width
        cost = sum(kmeans_flops(batch, width, count, init=self.init, max_iter=self.max_iter) for count, _k in pairs)
        cost += batch * self.tokens * self.width if self.key == "avg_token" else 0.0
        cost += 2.0 * batch * self.tokens if self.key == "patch_score" else 0.0
        cost += sum((batch + count) * self.tokens for count, _k in pairs) if self._ranks_by_scores() else 0.0
        cost += sum(count * self.tokens * bits_for(self.tokens) for count, _k in pairs)
        if self.split == "measured":
            cost += sum(batch * (6.0 * width + k) for _count, k in pairs)
        cost += (batch * self.k + 2.0 * max(pair.rows for pair in pairs)) * self.width
        decode = 0.0 if self.labels == "dense" else float(batch + self.clusters(batch) * self.cut.classes)
        return cost, decode

    # -- tensors ------------------------------------------------------------------------------------------------------

    def encode(self, smashed: Smashed, generator: Generator) -> Payload:
        """See `Codec.encode`. Raises RunError where attention or activations are not finite."""
        x = widen(smashed.x)
        with torch.no_grad():
            scores, keys = self._scores_and_keys(x, smashed.attention)
            clusters, positions = self._chosen(scores, keys, generator)
        wire = merge_tokens(x, clusters, positions)
        sent, kept = positions.shape
        if self.split == "measured":
            wire = pad(wire.flatten(0, 1), (0, 0, 0, self.rows(len(x)) - sent * kept))
        manifest = self._manifest(len(x), sent)
        tensors = {"values": wire.detach(), **self._side(smashed.labels, clusters, self.clusters(len(x)))}
        tensors |= {"sent": positions.new_full((1,), sent), "kept": positions.new_full((1,), kept)}
        tensors = {item.name: tensors[item.name] for item in manifest.fields}
        return Payload(manifest, tensors, handle=wire, kept={"assignment": clusters.assignment, "positions": positions})

    def _chosen(self, scores: Tensor, keys: Tensor, generator: Generator) -> tuple[Clusters, Tensor]:
        """The clusters, and the tokens each of them keeps, [T, k]: of the one pair, or of the best."""
        found = []
        for count, k in self.pairs(len(keys)):
            clusters = kmeans(
                keys, count, generator, init=self.init, max_iter=self.max_iter, tol=self.tol, tol_mode=self.tol_mode
            )
            found.append((clusters, best_positions(self._ranking(scores, clusters), k)))
        if len(found) == 1:
            return found[0]
        return found[int(torch.stack([balance.fidelity(keys, scores, *one) for one in found]).argmax())]

    def _scores_and_keys(self, x: Tensor, attention: Tensor | None) -> tuple[Tensor, Tensor]:
        """Class-token attention [B, n] and what is clustered [B, m]."""
        if attention is None:
            raise ValueError("adc needs the class token's attention, but the smashed data has none")
        scores = balance.patch_scores(widen(attention)) if self.key == "patch_score" else widen(attention)
        keys = scores
        if self.key in ("cls_token", "avg_token"):
            keys = x[:, 0] if self.key == "cls_token" else x.mean(1)
        if not bool(scores.isfinite().all() & keys.isfinite().all()):
            raise RunError(
                f"adc cannot cluster: the class token's attention or the {self.key} of this batch is NaN or infinite; "
                "training has diverged, so lower optimiser.lr or look at the data"
            )
        return scores, keys

    def _ranks_by_scores(self) -> bool:
        return self.select == "mean_score" and self.key in ("cls_token", "avg_token")

    def _ranking(self, scores: Tensor, clusters: Clusters) -> Tensor:
        """What ranks the tokens of each cluster, [T, n] or, in feature space, [T, min(n, d)]."""
        if self._ranks_by_scores():
            return mean_rows(scores, clusters.assignment, clusters.sizes)
        return clusters.centroids[:, : self.tokens]

    def _side(self, labels: Tensor | None, clusters: Clusters, count: int) -> dict[str, Tensor]:
        """Labels as they travel and everything that may go with them."""
        assignment, sizes = clusters.assignment, clusters.sizes
        side = {"sizes": pad(sizes, (0, count - len(sizes))), "assignment": assignment}
        given = self.cut.label_tensors(labels).get("labels")
        if given is None:
            return side
        if given.dim() == 2:
            return side | {"labels": mean_rows(given, assignment, sizes)}
        if self.labels == "dense":
            return side | {"labels": label_shares(given, assignment, sizes, self.cut.classes)}
        if self.labels == "sizes":
            return side | {"labels": given[assignment.argsort(stable=True)]}
        return side | {"labels": given}

    def expand(self, wire: Tensor, payload: Payload) -> Smashed:
        """The merged samples, their soft labels rebuilt from what arrived, and their shares of the loss."""
        wire, labels = self._merged(wire, payload), payload.tensors.get("labels")
        if labels is not None and self.labels == "dense":  # wrong bits may tell of other numbers of rows
            wire, labels = wire[: len(labels)], labels[: len(wire)]
        sizes, assignment = received_clusters(payload.tensors, len(wire), grouped=self.labels == "sizes")
        if labels is not None and assignment is not None and sizes is not None:
            labels = label_shares(labels, assignment, sizes, self.cut.classes)
        weight = sizes / sizes.sum() if sizes is not None and self.loss_weight == "size" else None
        return Smashed(wire, labels, weight=weight)

    def _merged(self, wire: Tensor, payload: Payload) -> Tensor:
        """[T, k, d] of what arrived."""
        if self.split != "measured":
            return wire
        sent, kept = torch.cat([payload.tensors["sent"], payload.tensors["kept"]]).tolist()
        k = min(max(kept, 1), self.tokens, len(wire))  # beyond what can be sent lie bit errors only
        count = min(max(sent, 1), len(wire) // k)
        return wire[: count * k].view(count, k, self.width)

    def spread(self, outputs: Tensor, payload: Payload) -> Tensor:
        """Each sample gets the output of the cluster that it was merged into."""
        assignment: Tensor = payload.kept["assignment"]
        return outputs[assignment]
