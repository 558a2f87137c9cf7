"""Augmentations are the published transforms, functions of their seed, and leave the global generators alone."""

import random

import numpy as np
import pytest
import torch
from timm.data.mixup import Mixup
from timm.data.transforms_factory import create_transform
from torchvision import transforms

from edgesim.errors import RunError
from edgesim.learn.augment.adc_official import AdcOfficial
from edgesim.learn.augment.base import Augment
from edgesim.learn.augment.deit import Deit
from edgesim.learn.augment.flip import Flip
from edgesim.learn.augment.none import NoAugment
from edgesim.learn.data.base import IMAGENET_MEAN, IMAGENET_STD, View
from edgesim.learn.data.digits import Digits
from edgesim.learn.data.synthetic import Synthetic
from edgesim.learn.pipeline import Normalise, Plain
from edgesim.learn.randomness import borrowed_generators

COLOUR = View(48, 3, 10, IMAGENET_MEAN, IMAGENET_STD)
GREY = View(8, 1, 10, (0.3054,), (0.3757,))
IMAGES = Synthetic(train=40, test=1).train()
ROWS = np.arange(3, 35)
ALL = [NoAugment(), Flip(), AdcOfficial(), Deit()]
STEP = 1.01 / 255 / min(IMAGENET_STD)  # one step of an 8-bit pixel, normalised


def named(augment: Augment) -> str:
    return type(augment).__name__


@pytest.mark.parametrize("augment", ALL, ids=named)
@pytest.mark.parametrize(("view", "images"), [(COLOUR, IMAGES), (GREY, Digits().train())], ids=["colour", "grey"])
def test_shapes_seeds_and_global_generators(augment: Augment, view: View, images: Synthetic) -> None:
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    before = random.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state()
    pipeline = augment.pipeline(view)
    first, labels = pipeline(images, ROWS, 7)
    assert random.getstate() == before[0]
    assert np.array_equal(np.random.get_state()[1], before[1])
    assert torch.equal(torch.get_rng_state(), before[2])
    assert first.shape == (32, view.channels, view.image_size, view.image_size)
    assert first.dtype == torch.float32
    assert labels.shape == ((32, 10) if augment.soft_labels else (32,))
    random.seed(99)
    np.random.seed(99)
    torch.manual_seed(99)
    again, same_labels = augment.pipeline(view)(images, ROWS, 7)
    assert torch.equal(first, again)
    assert torch.equal(labels, same_labels)
    other, _ = pipeline(images, ROWS, 8)
    assert torch.equal(first, other) == isinstance(augment, NoAugment)


def test_plain_is_resize_tensor_normalise() -> None:
    reference = transforms.Compose(
        [transforms.Resize((48, 48)), transforms.ToTensor(), transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD)]
    )
    wanted = torch.stack([reference(IMAGES[row][0]) for row in ROWS])
    pixels, labels = Plain(COLOUR)(IMAGES, ROWS, 0)
    assert (pixels - wanted).abs().max() < STEP
    assert labels.tolist() == IMAGES.labels[ROWS].tolist()


def test_normalised_digits_have_mean_0_and_deviation_1() -> None:
    images = Digits().train()
    pixels, _ = Plain(GREY)(images, np.arange(len(images)), 0)
    assert pixels.mean() == pytest.approx(0.0, abs=1e-3)
    assert pixels.std() == pytest.approx(1.0, abs=1e-3)


def test_normalise_is_the_formula() -> None:
    pixels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    wanted = (pixels.double() / 255 - 0.3054) / 0.3757
    torch.testing.assert_close(Normalise(GREY)(pixels).double(), wanted, atol=1e-6, rtol=0)


def test_flip_mirrors_half_of_the_pictures() -> None:
    images = Digits().train()
    rows = np.arange(1000)
    plain, flipped = NoAugment().pipeline(GREY)(images, rows, 5)[0], Flip().pipeline(GREY)(images, rows, 5)[0]
    kept = (flipped == plain).flatten(1).all(1)
    mirrored = (flipped == plain.flip(-1)).flatten(1).all(1)
    assert bool((kept | mirrored).all())
    assert 430 < int(mirrored.sum()) < 570  # 500 +- 4.4 standard deviations


def test_adc_official_is_the_published_chain() -> None:
    """compression.md 3.3: RandAugment and jitter on the picture as stored, then resize, flip, tensor, normalise."""
    vary = transforms.Compose([transforms.RandAugment(2, 9), transforms.ColorJitter(0.4, 0.4, 0.4, 0)])
    rest = transforms.Compose(
        [transforms.Resize((48, 48)), transforms.ToTensor(), transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD)]
    )
    with borrowed_generators(11):
        varied = [vary(IMAGES[row][0]) for row in ROWS]
    wanted = torch.stack([rest(picture) for picture in varied])
    pixels, _ = AdcOfficial().pipeline(COLOUR)(IMAGES, ROWS, 11)
    straight = (pixels - wanted).abs().amax((1, 2, 3)) < STEP
    mirrored = (pixels - wanted.flip(-1)).abs().amax((1, 2, 3)) < STEP
    assert bool((straight | mirrored).all())
    assert 4 < int(mirrored.sum()) < 28
    assert (wanted - Plain(COLOUR)(IMAGES, ROWS, 0)[0]).abs().amax((1, 2, 3)).min() > STEP  # every picture was varied


def test_deit_is_timms_recipe_with_soft_labels_that_sum_to_1() -> None:
    transform = create_transform(
        48, is_training=True, auto_augment="rand-m9-mstd0.5-inc1", interpolation="bicubic", re_prob=0.25, re_mode="pixel"
    )
    mix = Mixup(mixup_alpha=0.8, cutmix_alpha=1.0, label_smoothing=0.1, num_classes=10)
    with borrowed_generators(3):
        wanted, wanted_labels = mix(torch.stack([transform(IMAGES[row][0]) for row in ROWS]), IMAGES.targets(ROWS))
    pixels, labels = Deit().pipeline(COLOUR)(IMAGES, ROWS, 3)
    assert torch.equal(pixels, wanted)
    assert torch.equal(labels, wanted_labels)
    torch.testing.assert_close(labels.sum(1), torch.ones(32))
    assert labels.min() == pytest.approx(0.01)  # 0.1 spread over 10 classes


def test_deit_survives_the_highest_level_of_every_operation() -> None:
    """Posterising then keeps 0 bits, which Pillow refuses and timm asks for."""
    pipeline = Deit(rand_augment="rand-m10-n4-p1.0-inc1").pipeline(COLOUR)
    assert all(bool(pipeline(IMAGES, ROWS, seed)[0].isfinite().all()) for seed in range(4))


@pytest.mark.parametrize(
    ("knobs", "words"),
    [({"random_erasing": 1.5}, "random_erasing"), ({"mixup": -1.0}, "mixup"), ({"mixup": 0.0, "cutmix": 0.0}, "not both 0")],
)
def test_deit_refuses(knobs: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Deit(**knobs)


def test_deit_needs_pairs() -> None:
    with pytest.raises(RunError, match="batch_size must be even, got 3"):
        Deit().pipeline(COLOUR)(IMAGES, np.arange(3), 0)
