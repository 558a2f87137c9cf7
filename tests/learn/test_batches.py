"""Mini-batches: every sample once an epoch, a new order each time, and a place in the data that is two numbers."""

import numpy as np
import pytest
import torch

from edgesim.learn.augment.flip import Flip
from edgesim.learn.batches import Batches
from edgesim.learn.data.base import View
from edgesim.learn.pictures import ArrayImages
from edgesim.learn.pipeline import Plain

COUNT = 50
VIEW = View(4, 1, COUNT, (0.0,), (1.0,))
# the class of a picture is its number, and so is its first pixel
IMAGES = ArrayImages(torch.arange(COUNT, dtype=torch.uint8).view(-1, 1, 1, 1).repeat(1, 1, 4, 4).contiguous(), np.arange(COUNT))


def batches(rows: range = range(COUNT), batch: int = 8, seed: int = 0, client: int = 0) -> Batches:
    return Batches(IMAGES, np.array(rows), batch, Plain(VIEW), seed=seed, client=client)


def epoch(source: Batches) -> list[int]:
    return [label for _ in range(source.steps_per_epoch) for label in source.next()[1].tolist()]


def test_an_epoch_has_every_sample_once_but_for_the_short_last_batch() -> None:
    source = batches()
    assert source.steps_per_epoch == 6
    first, second = epoch(source), epoch(source)
    for labels in (first, second):
        assert len(set(labels)) == len(labels) == 48
    assert first != second
    assert set(epoch(batches(batch=10))) == set(range(COUNT))


def test_pictures_belong_to_their_labels_and_rows_to_their_client() -> None:
    source = batches(range(10, 30), batch=5)
    images, labels = source.next()
    assert (images[:, 0, 0, 0] * 255).round().long().tolist() == labels.tolist()
    assert set(epoch(batches(range(10, 30), batch=5))) == set(range(10, 30))


def test_order_depends_on_seed_and_client_alone() -> None:
    assert epoch(batches()) == epoch(batches())
    assert epoch(batches()) != epoch(batches(seed=1))
    assert epoch(batches()) != epoch(batches(client=1))


def test_epoch_counts_the_pass_of_the_latest_batch() -> None:
    source, seen = batches(batch=20), []
    assert source.epoch == 0
    for _ in range(5):
        source.next()
        seen.append(source.epoch)
    assert seen == [0, 0, 1, 1, 2]


@pytest.mark.parametrize("steps", [0, 3, 6, 7, 14])
def test_resuming_gives_the_same_batches(steps: int) -> None:
    source = Batches(IMAGES, np.arange(COUNT), 8, Flip().pipeline(VIEW), seed=4)
    for _ in range(steps):
        source.next()
    state = source.state()
    assert state["batches"] == COUNT // 8
    wanted = [source.next() for _ in range(8)]
    other = Batches(IMAGES, np.arange(COUNT), 8, Flip().pipeline(VIEW), seed=4)
    other.restore(state)
    for (images, labels), (again, same) in zip(wanted, [other.next() for _ in range(8)], strict=True):
        assert torch.equal(images, again)
        assert torch.equal(labels, same)


@pytest.mark.parametrize("batch", [0, 51])
def test_impossible_batch_sizes(batch: int) -> None:
    with pytest.raises(ValueError, match=f"batch_size must be between 1 and the 50 samples of client 0, got {batch}"):
        batches(batch=batch)
