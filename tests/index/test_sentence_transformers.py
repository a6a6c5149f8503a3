"""The sentence-transformers embedder on a tiny random model that is built here."""

from __future__ import annotations

import numpy as np
import pytest

from memory.errors import BackendFailed
from retrieval.embedders import load

ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789.,:? 保固三年報銷流程"


def tiny(folder, seed):
    """A one-layer BERT over characters, 32 dimensions, 64 tokens, with prompts for questions and documents."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = {token: i for i, token in enumerate([*special, *ALPHABET])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), special, strict=True))
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder / "bert")
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=64, **names).save_pretrained(folder / "bert")
    return _with_pooling(folder)


def _with_pooling(folder):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    modules = [Transformer(str(folder / "bert"), max_seq_length=64), Pooling(32)]
    SentenceTransformer(modules=modules, prompts={"query": "q: ", "document": "d: "}, device="cpu").save(
        str(folder / "model")
    )
    return str(folder / "model")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    pytest.importorskip("sentence_transformers")
    return [tiny(tmp_path_factory.mktemp(f"st{seed}"), seed) for seed in (0, 1)]


def test_it_embeds_with_the_models_own_prompts_and_tokenizer(models):
    embedder = load(f"sentence-transformers:{models[0]}", device="cpu")
    assert (embedder.dimension, embedder.max_tokens) == (32, 64)
    assert embedder.count("hello") == len("d: hello") + 2
    vectors = embedder.encode(["保固三年", "abc", ""])
    assert vectors.dtype == np.float32 and np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert embedder.encode(["abc"], query=True)[0] @ vectors[1] < 0.9999
    assert embedder.encode([]).shape == (0, 32)


def test_other_weights_have_another_fingerprint(models):
    first, again, other = (load(f"sentence-transformers:{m}", device="cpu") for m in (models[0], models[0], models[1]))
    assert first.fingerprint == again.fingerprint != other.fingerprint


def test_a_model_that_is_not_there_is_named(tmp_path):
    pytest.importorskip("sentence_transformers")
    with pytest.raises(BackendFailed, match="nowhere"):
        load(f"sentence-transformers:{tmp_path / 'nowhere'}")
