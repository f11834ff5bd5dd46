"""Images as vectors: by torchvision's own forward, with weights of each kind, and broken files."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from kgplatform.errors import InputError, UnknownNameError
from kgplatform.images.encode import image_vectors, load_image_encoder

pytest.importorskip("torchvision", reason="the extra `image` is not installed")
Image = pytest.importorskip("PIL.Image", reason="the extra `image` is not installed")

NETWORK = "resnet18"


def draw(path: Path, seed: int, size: tuple[int, int] = (40, 30), mode: str = "RGB") -> Path:
    """A small image of random colours."""
    drawn = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(drawn).convert(mode).save(path)
    return path


def weights_of(seed: int) -> dict[str, torch.Tensor]:
    from torchvision.models import get_model

    torch.manual_seed(seed)
    return dict(get_model(NETWORK, weights=None).state_dict())


def test_vectors_are_what_the_network_gives_before_its_last_layer(tmp_path: Path) -> None:
    from torchvision.models import get_model, get_model_weights

    torch.save(weights_of(3), tmp_path / "w.pth")
    encoder = load_image_encoder(NETWORK, str(tmp_path / "w.pth"))
    paths = [draw(tmp_path / f"{at}.png", at) for at in range(3)]
    made = image_vectors(encoder, [(path.stem, path) for path in paths])
    assert (made.ids, made.rejects, encoder.dimension) == (["0", "1", "2"], [], 512)
    network = get_model(NETWORK, weights=None)
    network.load_state_dict(weights_of(3))
    seen: list[torch.Tensor] = []
    network.eval().fc.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    prepare = get_model_weights(NETWORK).DEFAULT.transforms()
    with torch.no_grad():
        for path in paths:
            network(prepare(Image.open(path)).unsqueeze(0))
    wanted = torch.nn.functional.normalize(torch.cat(seen), dim=1).numpy()
    assert np.allclose(made.vectors, wanted, atol=1e-5)


def test_of_several_images_the_mean_and_colours_of_every_kind(tmp_path: Path) -> None:
    encoder = load_image_encoder(NETWORK, "random")
    modes = {"RGB": "png", "L": "jpg", "P": "gif", "RGBA": "webp", "CMYK": "tiff"}
    files = [
        ("all", draw(tmp_path / f"{mode}.{ending}", at, mode=mode))
        for at, (mode, ending) in enumerate(modes.items())
    ]
    each = image_vectors(encoder, [(path.name, path) for _, path in files])
    assert not each.rejects
    together = image_vectors(encoder, files)
    mean = each.vectors.mean(axis=0)
    assert np.allclose(together.vectors[0], mean / np.linalg.norm(mean), atol=1e-5)


def test_files_that_are_no_images_are_rejected_with_the_reason(tmp_path: Path) -> None:
    encoder = load_image_encoder(NETWORK, "random")
    whole = draw(tmp_path / "whole.png", 0, (200, 200))
    (tmp_path / "cut.png").write_bytes(whole.read_bytes()[:2000])
    (tmp_path / "text.png").write_text("this is no image")
    (tmp_path / "empty.png").write_bytes(b"")
    names = ["whole.png", "cut.png", "text.png", "empty.png", "missing.png", "."]
    made = image_vectors(encoder, [(name, tmp_path / name) for name in names])
    assert made.ids == ["whole.png"]
    reasons = {each.text: each.reason for each in made.rejects}
    assert reasons.pop("cut.png").startswith("it cannot be read: ")
    assert reasons == {
        "text.png": "it is no image",
        "empty.png": "it is no image",
        "missing.png": "there is no such file",
        ".": "it is a folder",
    }
    nothing = image_vectors(encoder, [("a", tmp_path / "missing.png")])
    assert nothing.vectors.shape == (0, 512)


def test_weights_of_a_file_of_the_cache_and_at_random(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.torch import save_file
    from torchvision.models import get_model_weights

    weights = weights_of(5)
    # A network that was fine-tuned on ten classes, kept by several processes with its optimizer.
    other = {**weights, "fc.weight": torch.zeros(10, 512), "fc.bias": torch.zeros(10)}
    wrapped = {"state_dict": {f"module.{key}": value for key, value in other.items()}, "epoch": 3}
    torch.save(wrapped, tmp_path / "tuned.pth")
    save_file(weights, tmp_path / "w.safetensors")
    url = get_model_weights(NETWORK).DEFAULT.url
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    cached = tmp_path / "hub" / "checkpoints" / url.rsplit("/", 1)[1]
    cached.parent.mkdir(parents=True)
    torch.save(weights, cached)
    loaded = [
        load_image_encoder(NETWORK, str(tmp_path / "tuned.pth")),
        load_image_encoder(NETWORK, str(tmp_path / "w.safetensors")),
        load_image_encoder(NETWORK),
    ]
    assert len({each.digest for each in loaded}) == 1
    assert [each.name for each in loaded] == [
        "resnet18 (tuned.pth)",
        "resnet18 (w.safetensors)",
        "resnet18 (published)",
    ]
    cached.write_bytes(b"cut off")
    with pytest.raises(InputError, match=r"published weights of resnet18 cannot be loaded"):
        load_image_encoder(NETWORK)
    drawn = [load_image_encoder(NETWORK, "random", seed=seed).digest for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_old_names_of_weights(tmp_path: Path) -> None:
    from torchvision.models import get_model

    torch.manual_seed(2)
    weights = get_model("densenet121", weights=None).state_dict()
    new = r"(denselayer\d+\.(?:norm|conv))([12])\."
    old = {re.sub(new, r"\1.\2.", key): value for key, value in weights.items()}
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    torch.save(old, tmp_path / "old.pth")
    torch.save(weights, tmp_path / "new.pth")
    digests = {
        load_image_encoder("densenet121", str(tmp_path / f"{name}.pth")).digest
        for name in ("old", "new")
    }
    assert len(digests) == 1


def test_what_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="resnet19"):
        load_image_encoder("resnet19", "random")
    with pytest.raises(InputError, match="last layer"):
        load_image_encoder("squeezenet1_0", "random")
    with pytest.raises(InputError, match="cannot be read"):
        load_image_encoder(NETWORK, str(tmp_path / "none.pth"))
    (tmp_path / "text.pth").write_text("no weights")
    with pytest.raises(InputError, match="cannot be read"):
        load_image_encoder(NETWORK, str(tmp_path / "text.pth"))
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(InputError, match="no state dict"):
        load_image_encoder(NETWORK, str(tmp_path / "list.pth"))
    torch.save(weights_of(0), tmp_path / "w.pth")
    with pytest.raises(InputError, match="of another network"):
        load_image_encoder("resnet34", str(tmp_path / "w.pth"))


@pytest.mark.parametrize("name", ["vit_b_16", "mobilenet_v3_small", "googlenet"])
def test_the_last_layer_is_found_in_networks_of_other_kinds(name: str) -> None:
    wide = {"vit_b_16": 768, "mobilenet_v3_small": 1024, "googlenet": 1024}
    assert load_image_encoder(name, "random").dimension == wide[name]
