"""Work done ahead is the same work, and a step asks the accelerator nothing."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.overrides import TorchFunctionMode

from edgesim.codecs.base import Codec, Cut
from edgesim.codecs.exchange import Exchange
from edgesim.codecs.identity import Identity
from edgesim.codecs.topk import TopK
from edgesim.errors import NotFoundError
from edgesim.learn.ahead import ahead, moved
from edgesim.learn.augment.adc_official import AdcOfficial
from edgesim.learn.augment.deit import Deit
from edgesim.learn.augment.flip import Flip
from edgesim.learn.batches import Batches
from edgesim.learn.data.base import View
from edgesim.learn.data.digits import Digits
from edgesim.learn.evaluate import Evaluator
from edgesim.learn.flops import Costs
from edgesim.learn.halves import TorchClient, TorchServer
from edgesim.learn.models.vit import Vit
from edgesim.learn.optimisers.adam import Adam
from edgesim.learn.pictures import ArrayImages, FileImages
from edgesim.learn.pipeline import Plain
from edgesim.work import Message

VIEW = View(16, 3, 4, (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
RECIPES = [Flip(), AdcOfficial(), Deit()]


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as one:
        yield one


@pytest.fixture
def files(tmp_path: Path) -> FileImages:
    """24 pictures of different sizes; the one numbered 20 is broken."""
    drawn = np.random.default_rng(0)
    paths = [tmp_path / f"{number}.png" for number in range(24)]
    for number, path in enumerate(paths):
        side = 12 + number % 5
        Image.fromarray(drawn.integers(0, 256, (side, side, 3), dtype=np.uint8)).save(path)
    paths[20].write_text("no picture")
    return FileImages(paths, np.arange(24) % 4)


def test_the_next_is_begun_before_this_one_is_given(pool: ThreadPoolExecutor) -> None:
    begun = [threading.Event() for _ in range(5)]

    def job(number: int) -> Callable[[], int]:
        return lambda: begun[number].set() or number

    given = ahead(pool, (job(number) for number in range(5)))
    for number in range(4):
        assert next(given) == number
        assert begun[number + 1].wait(timeout=60)
    assert list(given) == [4]
    assert list(ahead(pool, ())) == []
    assert list(ahead(None, [lambda: 1, lambda: 2])) == [1, 2]


@pytest.mark.parametrize("augment", RECIPES, ids=lambda recipe: type(recipe).__name__)
def test_batches_are_the_same_and_so_is_their_place(augment: Any, files: FileImages, pool: ThreadPoolExecutor) -> None:
    """Two clients in turn; the second goes back to where it was after two batches."""

    def drawn(given: ThreadPoolExecutor | None) -> list[Tensor]:
        pipeline = augment.pipeline(VIEW)
        rows = (np.arange(0, 10), np.arange(10, 20))
        sources = [Batches(files, mine, 4, pipeline, seed=3, client=number, pool=given) for number, mine in enumerate(rows)]
        taken: list[Tensor] = []
        for step in range(8):
            taken += sources[step % 2].next()
            if step == 4:
                kept = sources[1].state()
        sources[1].restore(kept)
        return [*taken, *sources[1].next()]

    for one, other in zip(drawn(None), drawn(pool), strict=True):
        assert torch.equal(one, other)


def test_a_broken_file_is_named_when_its_batch_is_asked_for(files: FileImages, pool: ThreadPoolExecutor) -> None:
    class InOrder(Batches):
        def _shuffled(self, epoch: int) -> Any:
            return np.arange(24)

    source = InOrder(files, np.arange(24), 4, Plain(VIEW), seed=0, pool=pool)
    for _ in range(5):
        source.next()
    with pytest.raises(NotFoundError, match=r"20\.png is not a picture"):
        source.next()


def test_a_look_at_the_test_set_is_the_same(pool: ThreadPoolExecutor) -> None:
    facts, model = Digits().facts(), Vit(name="tiny_digits", cut=2)
    exchange = Exchange(Cut((17, 48), 10), Identity(Cut((17, 48), 10)), Identity(Cut((17, 48))))
    given = (*model.build(facts, 0, "cpu"), exchange, Digits().test(), Plain(model.view(facts)))
    assert Evaluator(*given, batch=50, pool=pool).run() == Evaluator(*given, batch=50).run()


def test_pictures_in_memory_go_to_the_accelerator_once_and_stay_on_the_host_too() -> None:
    images = ArrayImages(torch.zeros(3, 1, 8, 8, dtype=torch.uint8), np.zeros(3)).to("meta")
    assert images.pixels(np.array([0, 2]), 8).device.type == "meta"
    assert images.pixels(np.array([1]), 8).dtype == torch.uint8
    assert len(images.pictures([0, 1])) == 2
    assert moved(torch.ones(2), "meta").device.type == "meta"


class Asked(TorchFunctionMode):
    """Keeps the names of operations that hand a tensor's numbers to the host."""

    TELLING = frozenset(
        ["item", "tolist", "numpy", "cpu", "nonzero", "__bool__", "__float__", "__int__", "__index__", "__array__", "equal"]
    )

    def __init__(self) -> None:
        self.names: list[str] = []

    def __torch_function__(self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        if name in self.TELLING:
            self.names.append(name)
        return func(*args, **(kwargs or {}))


def steps(codec: Callable[[Cut], Codec], accelerator: str) -> Callable[[], Any]:
    """A step of digits with flips through this uplink codec."""
    facts, model = Digits().facts(), Vit(name="tiny_digits", cut=2)
    cut = Cut((17, 48), 10)
    up = codec(cut)
    exchange = Exchange(cut, up, Identity(Cut(up.item)))
    exchange.to(accelerator)
    parts, costs = model.build(facts, 0, accelerator), Costs(model, facts)
    train = Digits().train().to(accelerator)
    pipeline = Flip().pipeline(model.view(facts))
    batches = Batches(train, np.arange(len(train)), 16, pipeline, seed=0, accelerator=accelerator)
    client = TorchClient(parts[0], exchange, Adam(), batches, costs, seed=0)
    server = TorchServer(parts[1], exchange, Adam(), costs, 16, seed=0)

    def step() -> Any:
        sent: Message = client.encode(client.forward().value).value
        answer = server.step([sent]).value
        client.backward(answer.gradients[0])
        assert client.trip is not None
        return client.trip.measured(answer.loss)[1]

    return step


def test_a_step_asks_no_tensor_for_its_numbers() -> None:
    step = steps(Identity, "cpu")
    step()
    with Asked() as asked:
        numbers = step()
    assert asked.names == []
    with asked:
        assert len(numbers.tolist()) > 4
    assert asked.names == ["tolist"]


@pytest.mark.parametrize("codec", [Identity, lambda cut: TopK(cut, rate=0.25)], ids=["identity", "topk"])
def test_a_step_on_a_gpu_waits_for_nothing(codec: Any, gpu: Any) -> None:
    step = steps(codec, "cuda")
    step()
    if gpu is None:
        torch.cuda.set_sync_debug_mode("error")
    waited = gpu and gpu.waits.copy()
    try:
        numbers = step()
    finally:
        if gpu is None:
            torch.cuda.set_sync_debug_mode("default")
    assert waited == (gpu and gpu.waits)
    assert bool(numbers.isfinite().all())
