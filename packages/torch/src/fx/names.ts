/** Module and parameter names of published models that contain an underscore; exported names do not tell it from a dot. */
const COMPOUND = new Set([
  'self_attn',
  'cross_attn',
  'input_layernorm',
  'post_attention_layernorm',
  'pre_feedforward_layernorm',
  'post_feedforward_layernorm',
  'q_proj',
  'k_proj',
  'v_proj',
  'o_proj',
  'qkv_proj',
  'gate_proj',
  'up_proj',
  'down_proj',
  'gate_up_proj',
  'out_proj',
  'in_proj',
  'q_norm',
  'k_norm',
  'q_a_proj',
  'q_b_proj',
  'kv_a_proj_with_mqa',
  'kv_b_proj',
  'q_a_layernorm',
  'kv_a_layernorm',
  'embed_tokens',
  'embed_positions',
  'lm_head',
  'rotary_emb',
  'inv_freq',
  'original_inv_freq',
  'shared_experts',
  'shared_expert',
  'shared_expert_gate',
  'e_score_correction_bias',
  'block_sparse_moe',
  'final_layernorm',
  'final_layer_norm',
  'layer_norm',
  'ln_1',
  'ln_2',
  'ln_f',
  'c_attn',
  'c_proj',
  'c_fc',
  'language_model',
  'cos_sin_cache',
  'cos_cached',
  'sin_cached',
  'embed_scale',
  'gate_up_proj_bias',
  'down_proj_bias',
  'attn_norm',
  'ffn_norm',
]);
const SIMPLE = new Set([
  'model',
  'layers',
  'mlp',
  'attn',
  'attention',
  'norm',
  'weight',
  'bias',
  'experts',
  'gate',
  'transformer',
  'h',
  'decoder',
  'encoder',
  'wte',
  'wpe',
  'embedding',
  'embeddings',
  'feed',
  'scale',
  'sinks',
  'router',
  'w1',
  'w2',
  'w3',
  'blocks',
  'fc1',
  'fc2',
  'linear',
]);
/** Compound names by their first word, as lists of words, longest first. */
const BY_FIRST = new Map<string, string[][]>();
for (const name of COMPOUND) {
  const words = name.split('_');
  BY_FIRST.set(words[0]!, [...(BY_FIRST.get(words[0]!) ?? []), words]);
}
for (const list of BY_FIRST.values()) list.sort((a, b) => b.length - a.length);

/** Splits `model_layers_0_self_attn_q_proj_weight` at the dots it was made from, when every part is known. */
function splitExported(text: string): string | undefined {
  const words = text.split('_');
  const path: string[] = [];
  for (let at = 0; at < words.length; ) {
    const first = words[at]!;
    const compound = BY_FIRST.get(first)?.find((parts) =>
      parts.every((part, index) => words[at + index] === part),
    );
    if (compound) path.push(compound.join('_'));
    else if (SIMPLE.has(first) || /^\d+$/.test(first)) path.push(first);
    else return undefined;
    at += compound?.length ?? 1;
  }
  return path.length > 1 ? path.join('.') : undefined;
}

/**
 * The fully qualified name of a parameter or buffer from the input name that Dynamo
 * (`L_self_modules_layers_modules_0_modules_input_layernorm_parameters_weight_` → `layers.0.input_layernorm.weight`) or
 * `torch.export` (`p_model_layers_0_input_layernorm_weight` → `model.layers.0.input_layernorm.weight`) makes of it;
 * undefined where the mangling does not say where the dots were.
 */
export function demangle(name: string): string | undefined {
  if (/^[lL]_/.test(name)) {
    const tensor = /^(.*)_(?:parameters|buffers)_(.+?)_*$/.exec(name.slice(1));
    if (!tensor) return undefined;
    const [root, ...modules] = tensor[1]!.split('_modules_');
    // What stands before the first module is the Python variable: one name, else attributes that cannot be told apart.
    if (!/^_[a-zA-Z0-9]+$/.test(root!)) return undefined;
    return [
      ...modules.filter((part) => part !== '_orig_mod' && part !== 'orig_mod'),
      tensor[2]!,
    ].join('.');
  }
  const exported = /^(?:p|b|c)_(.+)$/.exec(name);
  return exported ? splitExported(exported[1]!) : undefined;
}
