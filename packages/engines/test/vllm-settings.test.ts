import { type EngineSettings, UnsupportedError, UsageError } from '@arfuse/contract';
import { describe, expect, it } from 'vitest';
import { ENGINE_IDS, openEngine } from '../src/index.ts';
import { plain, question, site, target } from './scopes.ts';

const message = (call: () => unknown): string => {
  try {
    call();
  } catch (error) {
    expect(UsageError.isInstance(error)).toBe(true);
    return (error as Error).message;
  }
  throw new Error('it was accepted');
};
const open = (settings: Partial<EngineSettings>) => () => openEngine('vllm@0.33', settings);

describe('openEngine', () => {
  it('opens a release by its version with or without the patch number', () => {
    expect(openEngine('vllm@0.33').release).toBe('0.33.0');
    expect(openEngine('vllm@0.33.0').id).toBe('vllm@0.33');
    expect(openEngine('vllm@0.32').release).toBe('0.32.0');
  });

  it.each([
    'vllm@0.30',
    'vllm@0.3',
    'vllm@0.33.1',
    'vllm',
    'sglang@0.4',
    'sglang@0.5.23.post1',
    'trt@1',
    'constructor',
  ])('refuses %s by name', (id) => {
    expect(() => openEngine(id)).toThrow(UnsupportedError);
    expect(() => openEngine(id)).toThrow(
      `the dispatch of "${id}" is not known; known are ${ENGINE_IDS.join(', ')}.`,
    );
  });
});

describe('settings of vLLM', () => {
  it.each([
    [
      { env: { VLLM_ALLREDUCE_FLASHINFER: '1' } },
      /no environment variable "VLLM_ALLREDUCE_FLASHINFER"/,
    ],
    [
      { env: { VLLM_ALLREDUCE_USE_SYMM_MEM: 'yes' } },
      /VLLM_ALLREDUCE_USE_SYMM_MEM is "yes"\. vLLM 0\.33 takes 0 or 1\./,
    ],
    [{ env: { VLLM_FLASHINFER_ALLREDUCE_BACKEND: 'nccl' } }, /takes auto, trtllm or mnnvl/],
    [
      { config: { 'pass_config.enable_sp': 'true' } },
      /Sequence parallelism was removed in vLLM 0\.32\.0/,
    ],
    [{ config: { compile_ranges_split_points: '8' } }, /It is compile_ranges_endpoints now/],
    [{ config: { 'pass_config.fi_allreduce_fusion_max_size_mb': 'big' } }, /takes MiB, 0 or more/],
    [{ config: { optimization_level: '4' } }, /takes 0 to 3/],
    [{ config: { compile_ranges_endpoints: '8,x' } }, /takes token counts such as 64,128/],
    [
      { env: { VLLM_BATCH_INVARIANT: '1' }, config: { 'pass_config.fuse_allreduce_rms': 'true' } },
      /contradict each other: .*not batch-invariant/,
    ],
    [
      { config: { flashinfer_installed: 'false', 'pass_config.fuse_allreduce_rms': 'true' } },
      /contradict each other: .*needs FlashInfer/,
    ],
  ] as const)('refuses %j', (settings, sentence) => {
    expect(message(open(settings as Partial<EngineSettings>))).toMatch(sentence);
  });

  it('takes names as they stand on a command line', () => {
    const written = openEngine('vllm@0.33', {
      config: {
        '--disable-custom-all-reduce': 'true',
        '-cc.pass_config.fi_allreduce_fusion_max_size_mb': '0.25',
      },
    });
    const on = target(90, 8);
    expect(written.today(question(site(4096), on, 32)).fused).toBe(true);
    expect(written.today(question(site(4096), on, 33)).fused).toBe(false);
    expect(written.today(question(plain(4096), on, 65)).steps[0]!.kernel).toBe(
      '@arfuse/nccl/all-reduce',
    );
  });

  it('refuses what contradicts the target', () => {
    const size = openEngine('vllm@0.33', { config: { tensor_parallel_size: '4' } });
    expect(message(() => size.assumptions(target(90, 8)))).toMatch(
      /tensor_parallel_size=4, and the target says world=8/,
    );
    const trtllm = openEngine('vllm@0.33', {
      env: { VLLM_FLASHINFER_ALLREDUCE_BACKEND: 'trtllm' },
    });
    const nodes = target(100, 16, { groups: { default: { size: 16, nodes: 2 } } });
    expect(message(() => trtllm.assumptions(nodes))).toMatch(
      /the group spans 2 nodes: vLLM stops with an error/,
    );
  });

  it('prints every assumption, where it comes from, and what was given', () => {
    const given = openEngine('vllm@0.33', { env: { VLLM_ALLREDUCE_USE_SYMM_MEM: '0' } });
    const found = new Map(
      given.assumptions(target(90, 8, { multicast: true })).map((entry) => [entry.name, entry]),
    );
    expect(found.get('VLLM_ALLREDUCE_USE_SYMM_MEM')).toMatchObject({ value: false, from: 'env' });
    expect(found.get('VLLM_ALLREDUCE_USE_FLASHINFER')).toMatchObject({
      value: true,
      from: 'default',
    });
    expect(found.get('pass_config.fi_allreduce_fusion_max_size_mb')).toMatchObject({
      value: 0.5,
      from: 'default',
    });
    expect(found.get('multicast')).toMatchObject({ value: true, from: 'target' });
    expect([...found.values()].every(({ sentence }) => /\.$/.test(sentence))).toBe(true);
  });

  it('offers what is not set as levers, with values that differ', () => {
    const on = target(90, 8, { multicast: true });
    const names = (settings: Partial<EngineSettings>) =>
      openEngine('vllm@0.33', settings)
        .levers(on)
        .map(({ name }) => name);
    expect(names({})).toEqual([
      'pass_config.fi_allreduce_fusion_max_size_mb',
      'pass_config.fuse_allreduce_rms',
      'VLLM_ALLREDUCE_USE_FLASHINFER',
      'VLLM_ALLREDUCE_USE_SYMM_MEM',
      'VLLM_USE_NCCL_SYMM_MEM',
      'VLLM_FLASHINFER_ALLREDUCE_BACKEND',
      'disable_custom_all_reduce',
    ]);
    expect(
      names({
        env: { VLLM_ALLREDUCE_USE_SYMM_MEM: '0' },
        config: { disable_custom_all_reduce: 'false' },
      }),
    ).not.toContain('VLLM_ALLREDUCE_USE_SYMM_MEM');
    const [limit] = openEngine('vllm@0.33').levers(on);
    expect(limit!.values(8192, [16, 32, 64])).toEqual(['0.5', '0.125', '0.25']);
  });
});
