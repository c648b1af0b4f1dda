"""A build's packs train a real SmolVLM architecture, and packing changes nothing about the loss."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import curation
from curation.builds import Build
from curation.mixtures.profile import load_profile
from curation.mixtures.tokenizer import load_tokenizer
from curation.training import PackLoader, block_mask, collate
from tests.corpora import write_corpus
from tests.training.requirements import required

pytestmark = pytest.mark.slow
PROFILE = {"base": "smolvlm2-256m", "tile": 64, "patch_size": 16, "pixel_shuffle": 2, "longest_edge": 128}
CONTEXT = 1024
NUM_STEPS = 24


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Build]:
    """Build one corpus of text, pictures and videos packed, and the same samples one by one."""
    required("torch")
    required("transformers")
    folder = tmp_path_factory.mktemp("proof")
    manifest = yaml.safe_load(write_corpus(folder).read_text())
    manifest |= {"profile": PROFILE, "mixture": manifest["mixture"] | {"budget": 150}}
    found = {}
    for strategy in ("best", "none"):
        manifest |= {"packing": {"context": CONTEXT, "strategy": strategy}, "output": {"path": strategy}}
        (folder / f"{strategy}.yaml").write_text(yaml.safe_dump(manifest))
        found[strategy] = curation.build(folder / f"{strategy}.yaml", workers=1)
    return found


def tiny_model(*, attention: str = "sdpa", seed: int = 0) -> Any:
    """Return a SmolVLM of two layers each side with random weights, in the profile's geometry."""
    import torch
    from transformers import SmolVLMConfig, SmolVLMForConditionalGeneration

    torch.manual_seed(seed)
    tokenizer = load_tokenizer("bytes", load_profile(PROFILE))
    vocabulary = max(tokenizer.special.values()) + 1
    config = SmolVLMConfig(
        image_token_id=tokenizer.special["<image>"],
        scale_factor=2,
        pad_token_id=0,
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": 64,
            "patch_size": 16,
        },
        text_config={
            "model_type": "llama",
            "vocab_size": vocabulary,
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": CONTEXT,
            "pad_token_id": 0,
        },
        attn_implementation=attention,
    )
    return SmolVLMForConditionalGeneration(config)


def packs_of_many(build: Build, *, with_images: bool = True) -> list[dict[str, Any]]:
    return [p for p in build.packs() if len(p["sample_ids"]) > 2 and bool(len(p["images"])) == with_images]


def trained_tokens(pack: dict[str, Any]) -> int:
    return int((pack["labels"] != -100).sum())


def alone(builds: dict[str, Build]) -> dict[str, dict[str, Any]]:
    return {pack["sample_ids"][0]: pack for pack in builds["none"].packs()}


def combined(model: Any, builds: dict[str, Build], packs: list[dict[str, Any]]) -> float:
    """Return the samples' losses, each run by itself, weighted by their trained tokens."""
    import torch

    single = alone(builds)
    members = [single[sample_id] for pack in packs for sample_id in pack["sample_ids"]]
    with torch.no_grad():
        losses = [float(model(**collate([pack], attention="padding")).loss) for pack in members]
    return float(np.average(losses, weights=[trained_tokens(pack) for pack in members]))


def loss(model: Any, batch: dict[str, Any], **options: Any) -> float:
    import torch

    with torch.no_grad():
        return float(model(**batch, **options).loss)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_the_loss_of_packs_is_that_of_their_samples_run_alone(builds: dict[str, Build], attention: str) -> None:
    model = tiny_model(attention=attention).eval()
    packs = packs_of_many(builds["best"])[:2]
    assert len({len(pack["input_ids"]) for pack in packs}) == 2, "one of the two is padded"
    expected = combined(model, builds, packs)
    assert loss(model, collate(packs)) == pytest.approx(expected, rel=1e-5)
    assert loss(model, collate(packs, attention="positions"), use_cache=False) == pytest.approx(expected, rel=1e-5)
    leaking = loss(model, collate(packs, attention="padding"))
    assert abs(leaking - expected) > 1e-4 * expected, "without blocks the samples see each other: this test can fail"


def test_packs_without_images_make_a_batch_too(builds: dict[str, Build]) -> None:
    model = tiny_model().eval()
    packs = packs_of_many(builds["best"], with_images=False)[:2]
    batch = collate(packs)
    assert "pixel_values" not in batch
    assert loss(model, batch) == pytest.approx(combined(model, builds, packs), rel=1e-5)


def test_a_batch_of_packs_with_and_without_images_is_that_of_their_samples(builds: dict[str, Build]) -> None:
    model = tiny_model().eval()
    packs = [packs_of_many(builds["best"], with_images=False)[0], packs_of_many(builds["best"])[0]]
    assert loss(model, collate(packs)) == pytest.approx(combined(model, builds, packs), rel=1e-5)


def test_an_answer_depends_on_its_own_images_and_no_others(builds: dict[str, Build]) -> None:
    """Gradients of one sample's loss reach exactly that sample's tiles: labels, image tokens and tiles are in line."""
    import torch

    model = tiny_model().eval()
    pack = next(p for p in packs_of_many(builds["best"]) if len(p["images"]) > 2)
    tiles = np.concatenate([[0], (pack["tiles"].prod(axis=1) + 1).cumsum()])
    owners = np.flatnonzero(np.diff(pack["cu_images"])).tolist()
    assert len(owners) > 1
    for owner in owners:
        batch = collate([pack])
        batch["labels"][0, torch.from_numpy(pack["segment_ids"]) != owner] = -100
        pixels = batch["pixel_values"].requires_grad_()
        model(**batch).loss.backward()
        reached = pixels.grad.abs().amax(dim=(0, 2, 3, 4)) > 0
        first, last = tiles[pack["cu_images"][owner]], tiles[pack["cu_images"][owner + 1]]
        assert reached.nonzero().flatten().tolist() == list(range(first, last))


def test_labels_never_lie_on_image_tokens_and_tiles_fill_them(builds: dict[str, Build]) -> None:
    image = load_tokenizer("bytes", load_profile(PROFILE)).special["<image>"]
    for pack in builds["best"].packs():
        batch = collate([pack])
        is_image = batch["input_ids"] == image
        assert (batch["labels"][is_image] == -100).all()
        num_tiles = batch["pixel_values"].shape[1] if "pixel_values" in batch else 0
        assert int(is_image.sum()) == 4 * num_tiles


def test_training_on_packs_lowers_the_loss(builds: dict[str, Build], tmp_path: Path) -> None:
    import torch

    model = tiny_model().train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    loader = PackLoader(builds["best"], 2, seed=3, collate=collate)
    losses: list[float] = []
    while len(losses) < NUM_STEPS:
        for batch in islice(loader, NUM_STEPS - len(losses)):
            found = model(**batch).loss
            optimizer.zero_grad()
            found.backward()
            optimizer.step()
            losses.append(float(found.detach()))
    assert losses[0] == pytest.approx(np.log(model.config.text_config.vocab_size), rel=0.1), "random at first"
    assert np.mean(losses[-5:]) < 0.6 * np.mean(losses[:2]), losses


def test_a_block_mask_lets_a_token_see_what_is_before_it_in_its_sample() -> None:
    torch = required("torch")
    mask = block_mask(torch.tensor([[0, 0, 1, -1]]), torch.bfloat16)
    assert mask.dtype == torch.bfloat16
    expected = [[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    assert (mask[0, 0] == 0).int().tolist() == expected
    assert mask.min() == torch.finfo(torch.bfloat16).min
