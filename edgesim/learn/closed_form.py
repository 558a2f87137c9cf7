"""What a plain Vision Transformer holds and computes, from its sizes alone (compression.md 1.1)."""

from dataclasses import dataclass

from edgesim.model_sizes import ModelSizes


@dataclass(frozen=True, slots=True)
class ClosedForm:
    """A Vision Transformer with a class token, learned positions and a linear head, cut after block `cut`.

    Numbers are those of the halves that timm's model is cut into, FLOPs those that torch counts, per sample; a test holds
    both to it.

    image_size  side of the pictures [pixels]
    channels    of the pictures
    classes     the head tells apart
    """

    sizes: ModelSizes
    cut: int
    image_size: int
    channels: int
    classes: int

    @property
    def tokens(self) -> int:
        """n, the class token included."""
        return 1 + self._patches

    @property
    def _patches(self) -> int:
        return (self.image_size // self.sizes.patch) ** 2

    @property
    def _patch_values(self) -> int:
        return self.channels * self.sizes.patch**2

    @property
    def numbers(self) -> tuple[int, int]:
        """Parameters of the client's and the server's half: weights and biases, scales of norms."""
        d, depth = self.sizes.width, self.sizes.depth
        positions = self.tokens if self.sizes.class_position else self._patches
        embedding = self._patch_values * d + d + d + positions * d  # patches, class token, positions
        client = embedding + self.cut * self._block_numbers
        return client, (depth - self.cut) * self._block_numbers + 2 * d + self.head_numbers

    @property
    def _block_numbers(self) -> int:
        """Two norms; query, key, value and projection; the MLP's two layers."""
        d, inner = self.sizes.width, int(self.sizes.width * self.sizes.mlp_ratio)
        scales = 2 * d if self.sizes.layer_scale else 0
        return 2 * 2 * d + (4 * d * d + 4 * d) + (2 * d * inner + inner + d) + scales

    @property
    def head_numbers(self) -> int:
        """Parameters of the last layer, which the server's include."""
        return (self.sizes.width + 1) * self.classes

    @property
    def head(self) -> tuple[float, float]:
        """FLOPs per row of the last layer: (forward, backward)."""
        forward = 2.0 * self.sizes.width * self.classes
        return forward, 2.0 * forward

    @property
    def client(self) -> tuple[float, float]:
        """FLOPs before the cut: (forward, backward). No gradient is needed with respect to the pictures."""
        embedding = 2.0 * self._patches * self._patch_values * self.sizes.width
        blocks = self.cut * self._block(self.tokens)
        return embedding + blocks, embedding + 2.0 * blocks

    def server(self, tokens: int) -> tuple[float, float]:
        """FLOPs after the cut for so many tokens: (forward, backward)."""
        forward = (self.sizes.depth - self.cut) * self._block(tokens) + self.head[0]
        return forward, 2.0 * forward

    def _block(self, tokens: int) -> float:
        """2 m d (4 d + 2 r d) for the layers, r the MLP's ratio, and 4 m^2 d for the two products with the attention matrix."""
        d, inner = self.sizes.width, int(self.sizes.width * self.sizes.mlp_ratio)
        return 2.0 * tokens * d * (4 * d + 2 * inner) + 4.0 * tokens**2 * d
