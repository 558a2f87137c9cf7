"""The pictures of `codecs_cifar100` do not depend on the order of whoever's copy of CIFAR-100."""

import importlib.util
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from PIL import Image

SCRIPT = Path(__file__).resolve().parents[2] / "experiments" / "codecs_cifar100" / "subset.py"


@pytest.fixture
def subset() -> ModuleType:
    spec = importlib.util.spec_from_file_location("subset", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_fifth_class_gives_the_same_pictures_from_a_shuffled_copy(subset: ModuleType, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    data, targets = random.integers(256, size=(120, 32, 32, 3), dtype=np.uint8), np.arange(120) % 12
    order = random.permutation(120)
    for name, places in (("first", np.arange(120)), ("second", order)):
        copy = SimpleNamespace(data=data[places], targets=targets[places].tolist(), classes=[f"c{n:02d}" for n in range(12)])
        subset.write(copy, tmp_path / name, 4)
    files = sorted(path.relative_to(tmp_path / "first") for path in (tmp_path / "first").rglob("*.png"))
    assert [path.parent.name for path in files] == [name for name in ("c00", "c05", "c10") for _ in range(4)]
    for file in files:
        pixels = [np.asarray(Image.open(tmp_path / name / file)) for name in ("first", "second")]
        assert np.array_equal(*pixels)
        mine = data[targets == int(file.parent.name[1:])]
        assert any(np.array_equal(pixels[0], each) for each in mine)
