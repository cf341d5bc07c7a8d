import { describe, expect, it } from 'vitest';
import { demangle } from '../../src/fx/index.ts';

describe('demangle', () => {
  it.each([
    [
      'L_self_modules_layers_modules_0_modules_input_layernorm_parameters_weight_',
      'layers.0.input_layernorm.weight',
    ],
    [
      'l_self_modules_layers_modules_0_modules_self_attn_modules_rotary_emb_buffers_cos_sin_cache_',
      'layers.0.self_attn.rotary_emb.cos_sin_cache',
    ],
    ['l_self_parameters_weight_', 'weight'],
    ['p_model_layers_0_input_layernorm_weight', 'model.layers.0.input_layernorm.weight'],
    ['p_model_layers_31_mlp_down_proj_weight', 'model.layers.31.mlp.down_proj.weight'],
    [
      'p_model_layers_3_mlp_shared_experts_gate_proj_weight',
      'model.layers.3.mlp.shared_experts.gate_proj.weight',
    ],
    ['b_model_rotary_emb_inv_freq', 'model.rotary_emb.inv_freq'],
    ['p_lm_head_weight', 'lm_head.weight'],
  ])('%s is %s', (name, path) => {
    expect(demangle(name)).toBe(path);
  });

  it.each([
    'x',
    'arg0_1',
    'l_stack0_',
    'L_input_ids_',
    'p_frobnicate_weight',
    'primals_1',
    // Attributes of `self` that are no registered modules: dots and underscores cannot be told apart.
    'l_self_layer_communicator_post_attention_layernorm_parameters_weight_',
  ])('%s says nothing for certain', (name) => {
    expect(demangle(name)).toBeUndefined();
  });
});
