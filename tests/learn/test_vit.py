"""A model cut in two is the model: published sizes, equal outputs, weights where they belong, clear refusals."""

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from edgesim.errors import NotFoundError, RunError
from edgesim.learn.data.base import Facts
from edgesim.learn.models.vit import Vit
from edgesim.learn.vit_parts import VitServer

COLOUR = Facts(10, 10, 100, 3, 32, (0.4, 0.5, 0.6), (0.1, 0.2, 0.3), ())
GREY = COLOUR._replace(channels=1, mean=(0.3,), std=(0.4,), classes=10)
DEIT = "deit_tiny_patch16_224"


def whole_state(client: nn.Module, server: nn.Module) -> dict[str, Tensor]:
    """Both parts' weights together: they keep the names that the whole model gives them."""
    state = {name.removeprefix("vit."): value for name, value in client.state_dict().items()}
    return state | {name.removeprefix("vit."): value for name, value in server.state_dict().items()}


def assert_same(state: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    assert state.keys() == wanted.keys()
    assert all(torch.equal(state[name], wanted[name]) for name in wanted)


@pytest.mark.parametrize(
    ("name", "width", "client", "whole"),
    [(DEIT, 192, 1_520_256, 5_543_716), ("deit_small_patch16_224", 384, 5_694_720, 21_704_164)],
)
def test_published_sizes(name: str, width: int, client: int, whole: int) -> None:
    """compression.md 1.1."""
    geometry = Vit(name=name, cut=3).geometry(COLOUR)
    assert (geometry.tokens, geometry.width, geometry.depth) == (197, width, 12)
    assert (geometry.prefix_tokens, geometry.image_size) == (1, 224)
    assert geometry.client_parameters == client
    assert geometry.client_parameters + geometry.server_parameters == whole


def test_tiny_digits() -> None:
    geometry = Vit(name="tiny_digits", cut=2).geometry(GREY)
    assert (geometry.tokens, geometry.width, geometry.depth, geometry.heads, geometry.image_size) == (17, 48, 4, 4, 8)
    client, server = Vit(name="tiny_digits", cut=2).build(GREY, 0, "cpu")
    assert sum(p.numel() for p in client.parameters()) == geometry.client_parameters
    assert sum(p.numel() for p in server.parameters()) == geometry.server_parameters


@pytest.mark.parametrize(
    ("name", "cut"), [(DEIT, 1), (DEIT, 11), ("deit3_small_patch16_224", 6), ("vit_small_patch14_reg4_dinov2", 6)]
)
def test_parts_in_a_row_are_the_whole(name: str, cut: int) -> None:
    size = 56 if "patch14" in name else 64
    client, server = Vit(name=name, cut=cut, image_size=size).build(COLOUR, 5, "cpu")
    with torch.random.fork_rng():
        torch.manual_seed(5)
        whole = timm.create_model(name, num_classes=100, img_size=size)
    assert_same(whole_state(client, server), whole.state_dict())
    for module in (client, server, whole):
        module.eval()
    images = torch.randn(2, 3, size, size)
    with torch.no_grad():
        assert torch.equal(server(client(images)[0]), whole(images))


def test_server_takes_any_number_of_tokens_and_their_order_does_not_matter() -> None:
    _, server = Vit(name="tiny_digits", cut=1).build(GREY, 0, "cpu")
    server.eval()
    nn.init.normal_(server.vit.head.weight)
    tokens = torch.randn(3, 9, 48)
    shuffled = torch.cat([tokens[:, :1], tokens[:, 1:].flip(1)], 1)
    with torch.no_grad():
        torch.testing.assert_close(server(tokens), server(shuffled), atol=1e-5, rtol=1e-5)
        assert server(tokens[:, :1]).shape == (3, 10)


def test_building_moves_no_global_generator_and_is_fixed_by_its_seed() -> None:
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    first, again, other = (Vit(name="tiny_digits", cut=2).build(GREY, seed, "cpu")[0].state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])
    assert_same(first, again)
    assert not torch.equal(first["vit.pos_embed"], other["vit.pos_embed"])


def test_weights_do_not_depend_on_the_cut() -> None:
    near, far = (whole_state(*Vit(name="tiny_digits", cut=cut).build(GREY, 1, "cpu")) for cut in (1, 3))
    assert_same(near, far)


def test_mean_and_deviation_follow_the_weights_only_for_colour() -> None:
    assert Vit(name=DEIT, cut=3).view(COLOUR)[3:] == (COLOUR.mean, COLOUR.std)
    assert Vit(name=DEIT, cut=3, pretrained=True).view(COLOUR).mean == (0.485, 0.456, 0.406)
    assert Vit(name="vit_tiny_patch16_224", cut=3, weights="here.pth").view(COLOUR)[3:] == ((0.5,) * 3, (0.5,) * 3)
    assert Vit(name=DEIT, cut=3, pretrained=True).view(GREY).mean == GREY.mean
    assert Vit(name=DEIT, cut=3, image_size=96).view(COLOUR)[:3] == (96, 3, 100)


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"name": DEIT, "cut": 12}, "cut must be between 1 and 11"),
        ({"name": DEIT, "cut": 0}, "cut must be at least 1"),
        ({"name": DEIT, "cut": 3, "image_size": 100}, "multiple of the patch size 16"),
        ({"name": DEIT, "cut": 3, "image_size": 0}, "image_size must be at least 1"),
        ({"name": DEIT, "cut": 3, "precision": "float64"}, "precision must be float32, bfloat16 or float16"),
        ({"name": "deit_tiny_distilled_patch16_224", "cut": 3}, "VisionTransformerDistilled"),
        ({"name": "vit_base_patch16_siglip_224", "cut": 3}, "no class token"),
        ({"name": "resnet18", "cut": 3}, "is a ResNet"),
        ({"name": "deit_tiny_patch16_225", "cut": 3}, "did you mean deit_tiny_patch16_224"),
        ({"name": "tiny_digits", "cut": 2, "pretrained": True}, "no published weights"),
        ({"name": f"{DEIT}.evil", "cut": 2}, r"Invalid pretrained tag \(evil\)"),
    ],
)
def test_refusals_name_parameter_and_value(knobs: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Vit(**knobs).build(COLOUR, 0, "cpu")


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("facts", [COLOUR, COLOUR._replace(classes=7), GREY], ids=["same", "other classes", "grey"])
def test_local_weights_are_adapted_as_timm_does_it(tmp_path: Path, suffix: str, facts: Facts) -> None:
    """Reference: timm's own way of loading a file, at another picture size."""
    torch.manual_seed(11)
    stored = {name: value.half() for name, value in timm.create_model(DEIT, num_classes=100, img_size=48).state_dict().items()}
    file = tmp_path / f"weights{suffix}"
    save_file(stored, file) if suffix == ".safetensors" else torch.save({"model": stored}, file)
    parts = Vit(name=DEIT, cut=3, weights=str(file), image_size=64).build(facts, 5, "cpu")
    torch.manual_seed(5)
    overlay = {"state_dict": {name: value.float() for name, value in stored.items()}, "num_classes": 100}
    wanted = timm.create_model(
        DEIT, pretrained=True, pretrained_cfg_overlay=overlay, num_classes=facts.classes, in_chans=facts.channels, img_size=64
    )
    assert_same(whole_state(*parts), wanted.state_dict())
    assert all(value.dtype == torch.float32 for value in wanted.state_dict().values())


def test_tiny_digits_takes_weights_up_again(tmp_path: Path) -> None:
    state = whole_state(*Vit(name="tiny_digits", cut=2).build(GREY, 1, "cpu"))
    save_file(state, tmp_path / "tiny.safetensors")
    parts = Vit(name="tiny_digits", cut=3, weights=str(tmp_path / "tiny.safetensors")).build(GREY, 2, "cpu")
    assert_same(whole_state(*parts), state)


def test_weights_that_are_not_there_or_do_not_fit(tmp_path: Path) -> None:
    def refused(path: Path, words: str) -> None:
        with pytest.raises(NotFoundError, match=words) as caught:
            Vit(name="tiny_digits", cut=2, weights=str(path)).build(GREY, 0, "cpu")
        assert caught.value.exit_code == 5

    refused(tmp_path / "absent.pth", "there is no file .*absent.pth; set model.weights")
    (tmp_path / "text.pth").write_text("not weights")
    refused(tmp_path / "text.pth", "cannot be read")
    (tmp_path / "text.safetensors").write_text("not weights")
    refused(tmp_path / "text.safetensors", "cannot be read")
    torch.save({"model": [1, 2]}, tmp_path / "list.pth")
    refused(tmp_path / "list.pth", "dictionary of tensors")
    torch.save(nn.Linear(2, 2), tmp_path / "pickle.pth")
    refused(tmp_path / "pickle.pth", "cannot be read")
    save_file(timm.create_model(DEIT).state_dict(), tmp_path / "deit.safetensors")
    refused(tmp_path / "deit.safetensors", "weights of another model")


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")  # torch's, of a file whose damage says so
@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".pt"])
def test_a_damaged_file_of_weights_is_one_message(tmp_path: Path, suffix: str) -> None:
    """Cut, with bytes changed, with bytes put in: 60 ways each."""
    whole, file, random = tmp_path / f"whole{suffix}", tmp_path / f"damaged{suffix}", np.random.default_rng(7)
    state = {f"layer{number}": torch.ones(3) for number in range(3)}
    save_file(state, whole) if suffix == ".safetensors" else torch.save(
        state, whole, _use_new_zipfile_serialization=suffix == ".pth"
    )
    data = whole.read_bytes()
    for _ in range(60):
        place = int(random.integers(len(data)))
        way = [data[:place], data[:place] + random.bytes(4) + data[place + 4 :], data[:place] + random.bytes(8) + data[place:]]
        file.write_bytes(way[random.integers(3)])
        with pytest.raises(NotFoundError, match=r"^model\.weights: "):  # undamaged, it is of another model
            Vit(name="tiny_digits", cut=2, weights=str(file)).build(GREY, 0, "cpu")


@pytest.mark.parametrize("name", ["pos_embed", "patch_embed.proj.weight", "blocks.0.norm1.weight"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (1, 0, 48), (2, 2, 2, 2, 2), (48, 3, 5, 5)], ids=str)
def test_tensors_of_impossible_shapes_are_one_message(tmp_path: Path, name: str, shape: tuple[int, ...]) -> None:
    state = whole_state(*Vit(name="tiny_digits", cut=2).build(GREY, 1, "cpu")) | {name: torch.zeros(shape)}
    save_file(state, tmp_path / "odd.safetensors")
    model = Vit(name="tiny_digits", cut=2, weights=str(tmp_path / "odd.safetensors"))
    if (name, shape) == ("patch_embed.proj.weight", (48, 3, 5, 5)):  # a real patch embedding, which timm resamples
        model.build(GREY, 0, "cpu")
    else:
        with pytest.raises(NotFoundError, match=r"of impossible shapes|of another model|none of them empty"):
            model.build(GREY, 0, "cpu")


@pytest.mark.filterwarnings("ignore:Validating sparse tensor invariants")
@pytest.mark.parametrize(
    "content",
    [
        {"cls_token": torch.zeros(1, dtype=torch.float64).expand(1 << 40)},  # 8 TiB in a file of 2 KiB
        {"cls_token": torch.zeros(3).to_sparse()},
        torch.zeros(3),
    ],
    ids=["stretched", "sparse", "a tensor"],
)
def test_a_file_of_something_else_is_one_message_and_takes_no_memory(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(NotFoundError, match="must hold a dictionary of tensors, dense and none of them empty"):
        Vit(name="tiny_digits", cut=2, weights=str(tmp_path / "other.pth")).build(GREY, 0, "cpu")


@pytest.fixture
def empty_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty cache of downloads, and no network: whoever asks for it fails the test."""

    def asked(*given: object, **named: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("socket.getaddrinfo", asked)
    monkeypatch.setattr("socket.socket.connect", asked)
    return tmp_path


@pytest.mark.parametrize("name", ["vit_tiny_patch16_384", DEIT, "deit_tiny_patch16_224.fb_in1k"])
def test_published_weights_are_not_fetched_unasked(empty_cache: Path, name: str) -> None:
    with pytest.raises(NotFoundError, match=r"set model\.download: true to fetch them, or set model\.weights") as caught:
        Vit(name=name, cut=3, pretrained=True).build(COLOUR, 0, "cpu")
    assert caught.value.exit_code == 5


def test_cached_weights_are_taken_without_the_network(empty_cache: Path) -> None:
    snapshot = empty_cache / "models--timm--deit_tiny_patch16_224.fb_in1k" / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("0" * 40)
    torch.manual_seed(11)
    stored = timm.create_model(DEIT).state_dict()
    save_file(stored, snapshot / "model.safetensors")
    parts = Vit(name=DEIT, cut=3, pretrained=True).build(COLOUR._replace(classes=1000), 5, "cpu")
    assert_same(whole_state(*parts), stored)


def test_no_network_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(NotFoundError, match=r"set model\.weights to a local"):
        Vit(name="vit_tiny_patch16_384", cut=3, pretrained=True, download=True).build(COLOUR, 0, "cpu")


def test_pooling_over_patches_needs_a_patch() -> None:
    whole = VisionTransformer(img_size=8, patch_size=4, embed_dim=16, depth=2, num_heads=2, global_pool="avg")
    server = VitServer(whole, "float32")
    assert server(torch.randn(2, 3, 16)).shape == (2, 1000)
    with pytest.raises(RunError, match="needs at least 2 tokens, but 1 arrived"):
        server(torch.randn(2, 1, 16))


def test_mixed_precision_gives_float32_at_the_cut_and_at_the_end() -> None:
    exact, mixed = (Vit(name="tiny_digits", cut=2, precision=p).build(GREY, 0, "cpu") for p in ("float32", "bfloat16"))
    images = torch.randn(4, 1, 8, 8)
    z, logits = mixed[0](images)[0], mixed[1](mixed[0](images)[0])
    assert z.dtype == logits.dtype == torch.float32
    torch.testing.assert_close(z, exact[0](images)[0], atol=0.05, rtol=0.05)
    assert not torch.equal(z, exact[0](images)[0])
