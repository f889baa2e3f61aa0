//! Names of the published models' weights and totc's own.

#[cfg(feature = "torch")]
use tch::Tensor;

const PARTS: &[(&str, &str)] = &[
    ("L_level.", "f."),
    ("H_level.", "high."),
    ("self_attn.qkv_proj", "attention.qkv"),
    ("self_attn.o_proj", "attention.out"),
    ("mlp_t.", "mixing."),
    ("gate_up_proj", "gate_up"),
    ("down_proj", "down"),
    ("embed_tokens.embedding_weight", "embed.weight"),
    ("embed_pos.embedding_weight", "place"),
    ("lm_head", "answer_head"),
    ("q_head", "halt_head"),
    ("puzzle_emb.weights", "prompt.rows"),
    ("H_init", "y0"),
    ("L_init", "z0"),
    ("L1_init", "z1_0"),
    ("L2_init", "z2_0"),
    ("L3_init", "z3_0"),
    ("L4_init", "z4_0"),
    ("L5_init", "z5_0"),
    ("L6_init", "z6_0"),
    ("branch_embeddings", "differ.code"),
    ("merge_weights", "combiner.weight"),
    ("product_gate", "combiner.gate"),
    ("token_query", "combiner.token_query"),
    ("branch_query", "combiner.branch_query"),
];

/// `inner.L_level.layers.0.self_attn.qkv_proj.weight` → `f.layers.0.attention.qkv.weight`.
pub fn path_of(name: &str) -> String {
    let name = name.strip_prefix("inner.").unwrap_or(name);
    PARTS.iter().fold(name.to_owned(), |path, (from, to)| path.replace(from, to))
}

/// A published weight (or what belongs to one) as totc has it: one matrix makes scale and shift there, two here.
#[cfg(feature = "torch")]
#[allow(dead_code, reason = "one of the two tests that include this file uses it")]
pub fn parts_of(name: &str, tensor: &Tensor) -> Vec<(String, Tensor)> {
    if let Some(part) = name.strip_prefix("inner.branch_to_film.") {
        let halves = tensor.chunk(2, 0).into_iter();
        return ["scale", "shift"]
            .map(|of| format!("differ.{of}_of.{part}"))
            .into_iter()
            .zip(halves)
            .collect();
    }
    vec![(path_of(name), tensor.shallow_clone())]
}
