import { UsageError } from '@arfuse/contract';
import { describe, expect, it } from 'vitest';
import { ENGINE_IDS, openEngine } from '../../src/index.ts';
import { ask, type Box, NO_FUSION, plainKernel, scopeOf, sglang, targetOf } from './support.ts';

const open = (box: Box) => () => sglang(box);

describe('settings of SGLang 0.5.23', () => {
  it('is known by its id, and other versions are not', () => {
    expect(ENGINE_IDS).toContain('sglang@0.5.23');
    expect(sglang()).toMatchObject({ id: 'sglang@0.5.23', name: 'sglang', release: '0.5.23' });
    expect(() => openEngine('sglang@0.5.22')).toThrow('known are');
  });

  it.each([
    '--disable-custom-all-reduce',
    'disable-custom-all-reduce',
    'disable_custom_all_reduce',
    '--disable_custom_all_reduce',
  ])('reads a flag written as %s', (name) => {
    for (const value of ['true', '1', 'True'])
      expect(plainKernel({ config: { ...NO_FUSION, [name]: value } }, 4096)).toBe(
        '@arfuse/nccl/all-reduce',
      );
    for (const value of ['false', '0'])
      expect(plainKernel({ config: { ...NO_FUSION, [name]: value } }, 4096)).toBe(
        'sglang/push-one-shot',
      );
  });

  it.each(['1', 'true', 'Yes', 'y'])("reads a variable's %s as SGLang does", (value) => {
    const box: Box = { size: 4, capability: 120, interconnect: 'pcie', config: NO_FUSION };
    expect(plainKernel({ ...box, env: { SGLANG_ENABLE_PCIE_IPC_ALLREDUCE: value } }, 4096)).toBe(
      'flashinfer/pcie-ipc-all-reduce',
    );
  });

  it.each([
    [
      { config: { 'enable-sp': 'true' } },
      'SGLang 0.5.23 has no flag "enable-sp" that its all-reduces depend on.',
    ],
    [{ config: { '--fuse': '1' } }, 'SGLang 0.5.23 has no flag "--fuse"'],
    [{ config: { toString: '1' } }, 'SGLang 0.5.23 has no flag "toString"'],
    [{ config: { 'enable-aiter-allreduce-fusion': 'true' } }, 'It is for ROCm only'],
    [
      { config: { 'enable-torch-compile': 'true' } },
      'Under torch.compile NCCL symmetric memory is not asked',
    ],
    [{ env: { SGLANG_USE_AITER: '1' } }, 'has no environment variable "SGLANG_USE_AITER"'],
    [{ env: { VLLM_ALLREDUCE_USE_FLASHINFER: '0' } }, 'That is a variable of vLLM.'],
    [
      { env: { SGLANG_ENABLE_DETERMINISTIC_INFERENCE: '1' } },
      'give the flag enable-deterministic-inference',
    ],
    [
      { env: { '--SGLANG_ENABLE_PCIE_IPC_ALLREDUCE': '1' } },
      'has no environment variable "--SGLANG',
    ],
    [
      { config: { 'flashinfer-allreduce-fusion-backend': 'none' } },
      'flag flashinfer-allreduce-fusion-backend is "none". SGLang 0.5.23 takes auto, trtllm, mnnvl, cutedsl.',
    ],
    [
      { config: { 'enable-symm-mem': 'maybe' } },
      'flag enable-symm-mem is "maybe". SGLang 0.5.23 takes true or false.',
    ],
    [{ config: { 'attn-dp-size': '0' } }, 'takes ranks, 1 or more'],
    [{ config: { nnodes: '1.5' } }, 'takes nodes, 1 or more'],
    [{ config: { 'moe-a2a-backend': 'own' } }, 'takes none, deepep,'],
    [{ config: { model_architecture: 'Qwen 3' } }, 'Qwen3MoeForCausalLM'],
    [{ env: { SGLANG_CUSTOM_ALL_REDUCE_V2_MAX_SIZE_KB: '-1' } }, 'takes KiB, 0 or more'],
    [{ env: { SGLANG_CUSTOM_ALL_REDUCE_V2_MAX_SIZE_KB: '16M' } }, 'takes KiB, 0 or more'],
    [{ env: { NCCL_NVLS_ENABLE: '2' } }, 'takes 0 or 1'],
    [{ config: { 'tp-size': '8', '--tp': '4' } }, 'flag tp-size is given twice, once as --tp.'],
    [
      { config: { 'attn-dp-size': '2', 'enable-dp-attention': 'true' } },
      'both attn-dp-size and enable-dp-attention are given.',
    ],
    [
      {
        config: {
          'flashinfer-allreduce-fusion-backend': 'auto',
          'enforce-disable-flashinfer-allreduce-fusion': 'true',
        },
      },
      'contradict each other: flashinfer-allreduce-fusion-backend=auto and enforce-disable-flashinfer-allreduce-fusion=true',
    ],
    [
      {
        config: {
          'enable-flashinfer-allreduce-fusion': 'true',
          'enable-deterministic-inference': 'true',
        },
      },
      'enable-flashinfer-allreduce-fusion=true and enable-deterministic-inference=true',
    ],
    [
      { config: { 'enable-torch-symm-mem': 'true', 'enable-deterministic-inference': 'true' } },
      'enable-torch-symm-mem=true and enable-deterministic-inference=true',
    ],
    [
      { config: { 'flashinfer-allreduce-fusion-backend': 'auto', flashinfer_installed: 'false' } },
      'needs FlashInfer, and flashinfer_installed=false',
    ],
  ] as const)('refuses %o', (box, message) => {
    expect(open(box as Box)).toThrow(UsageError);
    expect(open(box as Box)).toThrow(message);
  });

  it.each([
    [{ 'tp-size': '4' }, 'tp-size=4, and the target says world=8.'],
    [{ nnodes: '2' }, 'nnodes=2, and the target says nodes=1.'],
  ])('refuses %o against the target', (config, message) => {
    expect(() => ask({ config }, 1)).toThrow(message);
    expect(() => sglang({ config }).assumptions(targetOf({}))).toThrow(UsageError);
  });

  it('accepts what agrees with the target', () => {
    expect(ask({ config: { 'tp-size': '8', nnodes: '1' } }, 1).steps).toHaveLength(2);
  });
});

describe('assumptions', () => {
  it('name every setting once, say where it comes from, and cite', () => {
    const box: Box = {
      multicast: true,
      config: { 'attn-dp-size': '2' },
      env: { NCCL_NVLS_ENABLE: '1' },
    };
    const found = sglang(box).assumptions(targetOf(box));
    const names = found.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { sentence, citation } of found) {
      expect(sentence).toMatch(/\.$/);
      expect(citation).toMatch(/^(sglang 0\.5\.23|flashinfer-python 0\.7\.2): .+\.py/);
    }
    const of = (name: string) => found.find((one) => one.name === name);
    expect(of('attn-dp-size')).toMatchObject({ value: 2, from: 'config' });
    expect(of('NCCL_NVLS_ENABLE')).toMatchObject({ value: true, from: 'env' });
    expect(of('multicast')).toMatchObject({ value: true, from: 'target' });
    expect(of('SGLANG_CUSTOM_ALL_REDUCE_V2_MAX_SIZE_KB')).toMatchObject({
      value: 16384,
      from: 'default',
    });
    expect(of('model_architecture')).toMatchObject({ value: null, from: 'default' });
    expect(of('flashinfer-allreduce-fusion-backend')).toMatchObject({
      value: null,
      sentence: 'Nothing is fused by FlashInfer: attention is data parallel (attn-dp-size=2).',
    });
  });

  it('can be set, each by its own name', () => {
    const found = sglang().assumptions(targetOf({}));
    const facts = [
      'tensor parallel group',
      'multicast',
      'graph mode',
      'token limit',
      'one-shot or two-shot',
    ];
    for (const { name } of found.filter((one) => !facts.includes(one.name))) {
      const env = /^(SGLANG|NCCL)_/.test(name);
      const settings = { [name]: 'no such value!' };
      const box = env ? { env: settings } : { config: settings };
      expect(open(box), name).toThrow(`${name} is "no such value!"`);
    }
  });
});

describe('graphs of another engine', () => {
  const warnings = (ops: readonly string[], groups: readonly string[] = ['tp:0']) =>
    sglang().warnings({ ops: new Set(ops), groups });

  it.each([
    ['vllm.all_reduce.default', 'The graph holds vllm.all_reduce.default: it is a capture of vLLM'],
    ['_C.rms_norm.default', 'it is a capture of vLLM'],
    [
      '_c10d_functional.all_reduce.default',
      'The graph reduces by _c10d_functional.all_reduce.default',
    ],
    ['trtllm.allreduce.default', 'it is a capture of TensorRT-LLM'],
    [
      'sglang.flashinfer_allreduce_residual_rmsnorm.default',
      'SGLang fused in its layer code already',
    ],
    ['sglang._all_reduce_residual_norm_op.default', 'SGLang fused in its layer code already'],
  ])('%s is warned about', (op, sentence) => {
    const found = warnings([op, 'aten.add.Tensor']);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(sentence);
  });

  it('its own graphs are not', () => {
    expect(
      warnings(
        [
          'sglang.outplace_all_reduce.default',
          'sglang.inplace_all_reduce.default',
          '_c10d_functional.wait_tensor.default',
        ],
        ['tp:0', 'attention_tp:0'],
      ),
    ).toEqual([]);
  });

  it('says which group names it takes as tp', () => {
    expect(warnings([], ['0', 'tp:0'])).toEqual([
      'SGLang 0.5.23 has no group named "0"; it is taken as tp.',
    ]);
    expect(scopeOf({}).groupName).toBe('tp:0');
  });
});
