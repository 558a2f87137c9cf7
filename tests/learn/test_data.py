"""Data sets are what they say, offline, and their absence is one clear message with exit code 5."""

import hashlib
import json
import os
import pickle
import struct
import zlib
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets import CIFAR100

from edgesim.errors import NotFoundError
from edgesim.learn.data.base import Data
from edgesim.learn.data.cifar100 import Cifar100
from edgesim.learn.data.digits import Digits
from edgesim.learn.data.folder import Folder
from edgesim.learn.data.food101 import Food101
from edgesim.learn.data.synthetic import Synthetic
from edgesim.learn.pictures import ArrayImages, FileImages, ImageSet


def assert_facts_hold(data: Data, train: ImageSet, test: ImageSet) -> None:
    facts = data.facts()
    assert (len(train), len(test)) == (facts.train, facts.test)
    assert set(np.unique(train.labels)) == set(np.unique(test.labels)) == set(range(facts.classes))
    picture, label = train[0]
    assert (len(picture.getbands()), label) == (facts.channels, train.labels[0])
    assert isinstance(label, int)
    assert len(facts.names) == facts.classes
    assert len(facts.mean) == len(facts.std) == facts.channels


def test_digits_are_the_published_ones_split_once() -> None:
    data = Digits()
    train, test = data.train(), data.test()
    assert_facts_hold(data, train, test)
    with files("edgesim.learn.data").joinpath("digits.npz").open("rb") as stored, np.load(stored) as arrays:
        rows, images, labels = arrays["source_row"], arrays["images"], arrays["labels"]
    assert sorted(rows) == list(range(1797))
    in_order = np.argsort(rows)
    assert images.sum() == 561718  # the published file: 1797 pictures, mean ink 4.884
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert labels[in_order][:10].tolist() == list(range(10))
    assert images[in_order][0, 0].tolist() == [0, 0, 5, 13, 9, 1, 0, 0]
    assert np.bincount(test.labels).tolist() == [36, 37, 35, 37, 36, 36, 36, 36, 35, 36]
    assert torch.unique(train.images).numel() == 17
    assert (train.images.min(), train.images.max()) == (0, 255)
    assert not {picture.tobytes() for picture in test.images.numpy()} & {picture.tobytes() for picture in train.images.numpy()}


def test_digits_mean_and_deviation() -> None:
    facts, pixels = Digits().facts(), Digits().train().images.double() / 255
    assert pixels.mean() == pytest.approx(facts.mean[0], abs=5e-5)
    assert pixels.std() == pytest.approx(facts.std[0], abs=5e-5)


def test_synthetic_is_fixed_balanced_and_learnable() -> None:
    data = Synthetic(train=300, test=100, classes=5, image_size=12, channels=1)
    train, test = data.train(), data.test()
    assert_facts_hold(data, train, test)
    assert data.facts().image_size == train.images.shape[-1] == 12
    assert np.bincount(train.labels).tolist() == [60] * 5
    assert torch.equal(train.images, Synthetic(train=300, test=7, classes=5, image_size=12, channels=1).train().images)
    centres = torch.stack([train.images[train.labels == label].float().mean(0).flatten() for label in range(5)])
    nearest = torch.cdist(test.images.float().flatten(1), centres).argmin(1).numpy()
    assert (nearest == test.labels).mean() > 0.99
    assert not torch.equal(train.images[:100], test.images)


def test_synthetic_mean_and_deviation_are_near_the_stated() -> None:
    pixels = Synthetic(classes=200, train=400).train().images.double() / 255
    assert pixels.mean() == pytest.approx(0.5, abs=0.02)
    assert pixels.std() == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize(
    ("knobs", "words"),
    [({"train": 0}, "train must be at least 1"), ({"classes": 1}, "classes must be"), ({"channels": 2}, "channels must be")],
)
def test_synthetic_refuses(knobs: dict[str, int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Synthetic(**knobs)


def write_cifar(root: Path, monkeypatch: pytest.MonkeyPatch, per_class: int = 2) -> None:
    """A small archive in the layout of the official one; torchvision is told its MD5 sums instead of the official ones."""
    folder = root / CIFAR100.base_folder
    folder.mkdir()
    names: list[str] = json.loads(files("edgesim.learn.data").joinpath("class_names.json").read_text())["cifar100"]
    content: dict[str, object] = {"meta": {"fine_label_names": names}}
    for seed, part in enumerate(("train", "test")):
        pixels = np.random.default_rng(seed).integers(0, 256, (100 * per_class, 3072), dtype=np.uint8)
        content[part] = {"data": pixels, "fine_labels": [number % 100 for number in range(100 * per_class)]}
    for name, value in content.items():
        (folder / name).write_bytes(pickle.dumps(value))
    sums = {name: hashlib.md5((folder / name).read_bytes()).hexdigest() for name in content}
    monkeypatch.setattr(CIFAR100, "train_list", [["train", sums["train"]]])
    monkeypatch.setattr(CIFAR100, "test_list", [["test", sums["test"]]])
    monkeypatch.setattr(CIFAR100, "meta", CIFAR100.meta | {"md5": sums["meta"]})


def test_cifar100_reads_torchvisions_layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_cifar(tmp_path, monkeypatch)
    train = Cifar100(root=str(tmp_path)).train()
    pixels = np.random.default_rng(0).integers(0, 256, (200, 3, 32, 32), dtype=np.uint8)
    assert torch.equal(train.images, torch.from_numpy(pixels))
    assert train.labels.tolist() == [number % 100 for number in range(200)]
    assert np.array_equal(np.asarray(train.pictures([3])[0]), pixels[3].transpose(1, 2, 0))
    assert len(Cifar100(root=str(tmp_path)).test()) == 200


def test_cifar100_that_was_tampered_with_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_cifar(tmp_path, monkeypatch)
    with (tmp_path / CIFAR100.base_folder / "train").open("ab") as file:
        file.write(b"x")
    with pytest.raises(NotFoundError, match=r"no intact CIFAR-100 at .*cifar-100-python"):
        Cifar100(root=str(tmp_path)).train()


@pytest.mark.parametrize(
    ("kind", "count", "classes"), [(Cifar100, 50_000, 100), (Food101, 75_750, 101)], ids=["cifar100", "food101"]
)
def test_absent_sets_have_facts_but_no_pictures(
    kind: type[Cifar100] | type[Food101], count: int, classes: int, tmp_path: Path
) -> None:
    data = kind(root=str(tmp_path / "nowhere"))
    facts = data.facts()
    assert (facts.train, facts.classes, len(set(facts.names))) == (count, classes, classes)
    for part in (data.train, data.test):
        with pytest.raises(NotFoundError, match=r"nowhere.*data.download: true") as caught:
            part()
        assert caught.value.exit_code == 5
    assert not (tmp_path / "nowhere").exists()


def write_pictures(folder: Path, count: int, value: int) -> None:
    folder.mkdir(parents=True)
    for number in range(count):
        Image.new("RGB", (20, 10), (value, number, 0)).save(folder / f"{number}.png")


def test_food101_follows_the_official_lists(tmp_path: Path) -> None:
    for value, name in enumerate(("waffles", "apple_pie")):
        folder = tmp_path / "food-101" / "images" / name
        folder.mkdir(parents=True)
        for number in range(4):
            Image.new("RGB", (30, 20), (200 * value, 60 * number, 0)).save(folder / f"{number}.jpg", quality=100, subsampling=0)
    meta = tmp_path / "food-101" / "meta"
    meta.mkdir()
    for part, numbers in (("train", (0, 1, 2)), ("test", (3,))):
        listed = {name: [f"{name}/{number}" for number in numbers] for name in ("waffles", "apple_pie")}
        (meta / f"{part}.json").write_text(json.dumps(listed))
    train, test = Food101(root=str(tmp_path)).train(), Food101(root=str(tmp_path)).test()
    assert train.labels.tolist() == [0, 0, 0, 1, 1, 1]  # alphabetical: apple pie first
    assert [path.name for path in test.paths] == ["3.jpg", "3.jpg"]
    red, green, _ = train.pictures([2])[0].getpixel((5, 5))
    assert (red, green) == (pytest.approx(200, abs=3), pytest.approx(120, abs=3))


@pytest.mark.parametrize("test_name", ["test", "val"])
def test_folder(tmp_path: Path, test_name: str) -> None:
    for value, name in enumerate(("cat", "dog")):
        write_pictures(tmp_path / "train" / name, 3, 10 * value)
        write_pictures(tmp_path / test_name / name, 2, 10 * value)
    data = Folder(root=str(tmp_path))
    train, test = data.train(), data.test()
    assert_facts_hold(data, train, test)
    assert data.facts().names == ("cat", "dog")
    assert data.facts().image_size == 20
    assert test.pictures([3])[0].getpixel((0, 0)) == (10, 1, 0)


def test_folder_complaints(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no pictures under .*train.*expected .*<class>"):
        Folder(root=str(tmp_path)).train()
    write_pictures(tmp_path / "train" / "cat", 1, 0)
    write_pictures(tmp_path / "test" / "dog", 1, 0)
    with pytest.raises(NotFoundError, match=r"only one has \['cat', 'dog'\]"):
        Folder(root=str(tmp_path)).facts()


def test_pictures_in_memory_and_in_files_are_resized_alike(tmp_path: Path) -> None:
    """Files are resized by PIL, arrays as a batch; both round to 8 bits, so they may differ by one step."""
    pixels = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
    paths = [tmp_path / f"{number}.png" for number in range(6)]
    for path, picture in zip(paths, pixels, strict=True):
        Image.fromarray(picture).save(path)
    labels = np.arange(6)
    in_files, in_memory = FileImages(paths, labels), ArrayImages(torch.from_numpy(pixels).permute(0, 3, 1, 2), labels)
    rows = np.array([4, 0, 5])
    for size in (32, 48, 16):
        one, other = in_files.pixels(rows, size), in_memory.pixels(rows, size)
        assert one.shape == other.shape == (3, 3, size, size)
        assert one.dtype == other.dtype == torch.uint8
        assert (one.int() - other.int()).abs().max() <= (0 if size == 32 else 1)
    assert in_files.targets(rows).tolist() == [4, 0, 5]


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_text("no picture")
    images = FileImages([tmp_path / "broken.png"], np.zeros(1, dtype=np.int64))
    for read in (lambda: images.pixels(np.array([0]), 8), lambda: images.pictures([0])):
        with pytest.raises(NotFoundError, match=r"broken\.png is not a picture"):
            read()


def png_of(side: int) -> bytes:
    """A whole PNG file of a few bytes that claims side x side grey pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(side + 1))) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [7_100, 10_000, 100_000], ids=["above the limit", "Pillow warns", "Pillow refuses"])
def test_a_decompression_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, side: int) -> None:
    for part in ("train", "test"):
        (tmp_path / part / "cats").mkdir(parents=True)
        (tmp_path / part / "cats" / "bomb.png").write_bytes(png_of(side))
    said = r"bomb\.png has more than 50000000 pixels and would fill the memory"
    with pytest.raises(NotFoundError, match=said):
        Folder(root=str(tmp_path)).facts()
    images = Folder(root=str(tmp_path)).train()
    for read in (lambda: images.pixels(np.array([0]), 8), lambda: images.pictures([0])):
        with pytest.raises(NotFoundError, match=said) as caught:
            read()
        assert caught.value.exit_code == 5


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("program.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 16 16\n%%EndComments\nshowpage\n%%EOF\n"),
        ("wide.ppm", b"P6\n1e6 16\n255\n" + bytes(99)),
        ("short.png", b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 3) + b"IHDR" + bytes(7)),
    ],
)
def test_what_is_no_picture_is_named_and_never_run(name: str, content: bytes, tmp_path: Path) -> None:
    """Pillow hands PostScript to Ghostscript, whatever the file is called, and raises what it likes for broken headers."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(NotFoundError, match=f"{name} is not a picture that can be read") as caught:
        FileImages([tmp_path / name], np.zeros(1, dtype=np.int64)).pictures([0])
    assert "Ghostscript" not in str(caught.value)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(NotFoundError, match=r"pipe\.png is not a picture that can be read \(not a regular file\)"):
        FileImages([tmp_path / "pipe.png"], np.zeros(1, dtype=np.int64)).pictures([0])


def test_links_in_circles_are_refused_and_a_class_may_be_a_link(tmp_path: Path) -> None:
    for folder in ("elsewhere", "train", "test"):
        (tmp_path / folder).mkdir()
        (tmp_path / "elsewhere" / f"{folder}.png").write_bytes(png_of(8))
    for part in ("train", "test"):
        (tmp_path / part / "cats").symlink_to(tmp_path / "elsewhere")
    assert Folder(root=str(tmp_path)).facts().train == 3
    for name in ("one", "two"):  # two to the power of forty folders
        (tmp_path / "elsewhere" / name).symlink_to(".")
    with pytest.raises(NotFoundError, match=r"data\.root: .*cats/(one|two) is a link to a folder, inside a class"):
        Folder(root=str(tmp_path)).facts()


def test_a_cut_off_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "cut.png").write_bytes(png_of(64)[:-30])
    with pytest.raises(NotFoundError, match=r"cut\.png is not a picture that can be read"):
        FileImages([tmp_path / "cut.png"], np.zeros(1, dtype=np.int64)).pictures([0])


def test_arrays_of_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="images must be uint8"):
        ArrayImages(torch.zeros(3, 1, 8, 8), np.zeros(3, dtype=np.int64))
