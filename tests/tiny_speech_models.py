"""Tiny random speech models, saved as the hub's files are: they stand in for published weights."""

import torch
import transformers

KINDS = ("wav2vec2", "hubert", "wavlm", "whisper")
LAYERS, WIDTH = 3, 16


def save(folder, kind, *, seed=0, **changes):
    """A model of a kind with its feature extractor, random weights; the folder."""
    config, network, extractor = _parts(kind, changes)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = network(config)
        for weight in made.parameters():  # so that no layer is nearly the identity
            if weight.ndim > 1:
                torch.nn.init.normal_(weight, std=1.5 / weight[0].numel() ** 0.5)
    made.save_pretrained(folder)
    extractor.save_pretrained(folder)
    return folder


def _parts(kind, changes):
    if kind == "whisper":
        config = transformers.WhisperConfig(
            d_model=WIDTH, encoder_layers=LAYERS, encoder_attention_heads=2, encoder_ffn_dim=24,
            decoder_layers=1, decoder_attention_heads=2, decoder_ffn_dim=24, vocab_size=20,
            pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1,
            max_source_positions=100, **changes,
        )  # fmt: skip
        # Hears 2 s at once, where the published ones hear 30.
        return (
            config,
            transformers.WhisperModel,
            transformers.WhisperFeatureExtractor(chunk_length=2),
        )
    config, network = {
        "wav2vec2": (transformers.Wav2Vec2Config, transformers.Wav2Vec2Model),
        "hubert": (transformers.HubertConfig, transformers.HubertModel),
        "wavlm": (transformers.WavLMConfig, transformers.WavLMModel),
    }[kind]
    settings = {
        "hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": 2,
        "intermediate_size": 24, "conv_dim": (8,) * 7, "num_conv_pos_embeddings": 16,
        "num_conv_pos_embedding_groups": 2, "feat_extract_norm": "layer",
        "do_stable_layer_norm": True, **changes,
    }  # fmt: skip
    # The large models normalise their input, WavLM's and wav2vec2-base's siblings do not.
    extractor = transformers.Wav2Vec2FeatureExtractor(do_normalize=kind != "wavlm")
    return config(**settings), network, extractor
