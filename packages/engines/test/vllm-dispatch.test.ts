import type { EngineSettings, Target } from '@arfuse/contract';
import { describe, expect, it } from 'vitest';
import { type Engine, openEngine } from '../src/index.ts';
import { KIB, MIB, plain, question, site, target } from './scopes.ts';

const VERSIONS = ['0.32', '0.33'] as const;
type Size = readonly [capability: number, ranks: number, mib: number];

// vLLM 0.33.0, allreduce_rms_fusion.py:105-126 and 133-152; 0.32.0 has the same rows.
const FUSED: readonly Size[] = [
  [90, 2, 64],
  [90, 4, 2],
  [90, 8, 0.5],
  [100, 2, 64],
  [100, 4, 32],
  [100, 8, 1],
  [103, 2, 64],
  [103, 4, 64],
  [103, 8, 4],
  [107, 2, 64],
  [107, 4, 64],
  [107, 8, 2],
];
const ONE_SHOT: readonly Size[] = [
  [90, 2, 32],
  [90, 4, 2],
  [90, 8, 0.5],
  [100, 2, 32],
  [100, 4, 4],
  [100, 8, 1],
  [103, 2, 32],
  [103, 4, 4],
  [103, 8, 2],
  [107, 2, 32],
  [107, 4, 4],
  [107, 8, 2],
];
// all_reduce_utils.py:32-55, held below 8 MiB, exclusive.
const CUSTOM: readonly Size[] = [
  [90, 2, 8],
  [90, 4, 8],
  [90, 6, 0.5],
  [90, 8, 0.25],
  [100, 2, 2],
  [100, 4, 2],
  [100, 6, 1],
  [100, 8, 1],
  [103, 2, 4],
  [103, 4, 4],
  [103, 6, 8],
  [103, 8, 4],
  [107, 2, 4],
  [107, 4, 4],
  [107, 6, 8],
  [107, 8, 4],
];
// all_reduce_utils.py:59-82, inclusive, bf16.
const SYMMETRIC: readonly (readonly [...Size, 'multimem' | 'two_shot'])[] = [
  [90, 2, 64, 'two_shot'],
  [90, 4, 32, 'multimem'],
  [90, 6, 64, 'multimem'],
  [90, 8, 64, 'multimem'],
  [100, 2, 8, 'two_shot'],
  [100, 4, 32, 'two_shot'],
  [100, 6, 128, 'multimem'],
  [100, 8, 128, 'multimem'],
  [103, 2, 4, 'two_shot'],
  [103, 4, 32, 'two_shot'],
  [103, 6, 32, 'multimem'],
  [103, 8, 64, 'multimem'],
  [107, 2, 4, 'two_shot'],
  [107, 4, 32, 'two_shot'],
  [107, 6, 32, 'multimem'],
  [107, 8, 64, 'multimem'],
];

const open = (version: string, settings: Partial<EngineSettings> = {}): Engine =>
  openEngine(`vllm@${version}`, settings);
const NO_FLASHINFER = { env: { VLLM_ALLREDUCE_USE_FLASHINFER: '0' } };
const multicast = (capability: number, ranks: number): Target =>
  target(capability, ranks, { multicast: true });

const first = (engine: Engine, tokens: number, hidden: number, on: Target): string =>
  engine.today(question(plain(hidden), on, tokens)).steps[0]!.kernel;
const isFused = (engine: Engine, tokens: number, hidden: number, on: Target): boolean =>
  engine.today(question(site(hidden), on, tokens)).fused;

/** Hidden sizes whose rows hit a limit exactly, and one whose rows do not. */
const HIDDENS = [1024, 4096, 5120, 7168];

describe.each(VERSIONS)('vLLM %s fuses', (version) => {
  it.each(FUSED)('on %i, %i ranks: up to %f MiB, inclusive', (capability, ranks, mib) => {
    for (const hidden of HIDDENS) {
      const on = target(capability, ranks);
      const last = Math.floor((mib * MIB) / (hidden * 2));
      const engine = open(version);
      expect([last - 1, last, last + 1].map((at) => isFused(engine, at, hidden, on))).toEqual([
        true,
        true,
        false,
      ]);
    }
  });

  it.each(ONE_SHOT)(
    'on %i, %i ranks: one-shot up to %f MiB, inclusive',
    (capability, ranks, mib) => {
      // The user's limit lifts the fusion above the row, so that the form shows on both sides.
      const engine = open(version, {
        config: { 'pass_config.fi_allreduce_fusion_max_size_mb': '512' },
      });
      for (const hidden of HIDDENS) {
        const on = target(capability, ranks);
        const last = Math.floor((mib * MIB) / (hidden * 2));
        const forms = [last - 1, last, last + 1].map(
          (at) => engine.today(question(site(hidden), on, at)).steps[0]!.kernel,
        );
        expect(forms).toEqual([
          '@arfuse/flashinfer/one-shot',
          '@arfuse/flashinfer/one-shot',
          '@arfuse/flashinfer/two-shot',
        ]);
      }
    },
  );

  it('nothing without a row, unless the user gives a limit, which wins on any device', () => {
    const on = target(90, 16);
    expect(isFused(open(version), 1, 4096, on)).toBe(false);
    const limited = open(version, {
      config: { 'pass_config.fi_allreduce_fusion_max_size_mb': '1' },
    });
    expect(isFused(limited, 128, 4096, on)).toBe(true);
    expect(isFused(limited, 129, 4096, on)).toBe(false);
    // Without a row in the one-shot table every launch is one-shot.
    expect(limited.today(question(site(4096), on, 128)).steps[0]!.kernel).toBe(
      '@arfuse/flashinfer/one-shot',
    );
    expect(isFused(limited, 1, 4096, target(90, 6))).toBe(false);
  });

  it('mnnvl in the form that FlashInfer picks, where there is multicast', () => {
    const on = multicast(90, 8);
    const last = MIB / 8 / (4096 * 2);
    const forms = [last - 1, last, last + 1].map(
      (at) => open(version).today(question(site(4096), on, at)).steps[0]!.kernel,
    );
    expect(forms).toEqual([
      'flashinfer/mnnvl-one-shot',
      'flashinfer/mnnvl-one-shot',
      'flashinfer/mnnvl-two-shot',
    ]);
  });

  it('by default on 9.0 and 10.x, from optimisation level 2 on, not batch-invariant, with FlashInfer', () => {
    const fuses = (capability: number, settings: Partial<EngineSettings> = {}): boolean =>
      isFused(open(version, settings), 1, 4096, target(capability, 2));
    expect([80, 89, 90, 100, 103, 107, 120].map((capability) => fuses(capability))).toEqual([
      false,
      false,
      true,
      true,
      true,
      true,
      false,
    ]);
    expect(
      ['0', '1', '2', '3'].map((level) => fuses(90, { config: { optimization_level: level } })),
    ).toEqual([false, false, true, true]);
    expect(fuses(90, { env: { VLLM_BATCH_INVARIANT: '1' } })).toBe(false);
    expect(fuses(90, { config: { flashinfer_installed: 'false' } })).toBe(false);
    expect(fuses(90, { config: { 'pass_config.fuse_allreduce_rms': 'false' } })).toBe(false);
    expect(
      fuses(90, { config: { optimization_level: '1', 'pass_config.fuse_allreduce_rms': 'true' } }),
    ).toBe(true);
    // No row for 8.0: asked for, and still without a limit.
    expect(fuses(80, { config: { 'pass_config.fuse_allreduce_rms': 'true' } })).toBe(false);
    expect(fuses(90, { config: { data_parallel_size: '2', pipeline_parallel_size: '2' } })).toBe(
      true,
    );
  });

  it('whole compiled ranges only', () => {
    const on = target(90, 8);
    const fused = (settings: Partial<EngineSettings>, tokens: number): boolean =>
      isFused(open(version, settings), tokens, 4096, on);
    // 0.5 MiB are 64 rows; an endpoint above them starts a range that is not fused at all.
    expect(
      [64, 65].map((at) => fused({ config: { compile_ranges_endpoints: '32,96' } }, at)),
    ).toEqual([true, false]);
    expect(
      [32, 64, 65].map((at) => fused({ config: { compile_ranges_endpoints: '[32]' } }, at)),
    ).toEqual([true, true, false]);
    // A wider draft model: the endpoint is of 4096, the limit of 8192, so the range 1 to 64 is lost as a whole.
    expect(fused({ config: { draft_hidden_size: '8192' } }, 1)).toBe(false);
    expect(
      [32, 33].map((at) =>
        fused({ config: { draft_hidden_size: '8192', compile_ranges_endpoints: '32' } }, at),
      ),
    ).toEqual([true, false]);
    expect(fused({ config: { max_num_batched_tokens: '48' } }, 48)).toBe(true);
  });

  it('no group but tp', () => {
    const on = target(90, 2);
    const asked = { ...question(site(4096), on, 1), groupName: 'ep:0' };
    expect(open(version).match({ ...asked, site: site(4096) })).toMatchObject({
      fused: false,
      covers: [],
      reasons: ['only group "tp" is fused, this is "ep:0".'],
    });
    expect(open(version).today(asked).steps[0]!.kernel).toBe('@arfuse/nccl/all-reduce');
  });
});

describe.each(VERSIONS)('vLLM %s reduces alone', (version) => {
  it.each(CUSTOM)(
    'on %i, %i ranks: custom all-reduce below %f MiB where symmetric memory works',
    (capability, ranks, mib) => {
      for (const hidden of HIDDENS) {
        const engine = open(version, NO_FLASHINFER);
        const at = Math.ceil((mib * MIB) / (hidden * 2));
        expect(first(engine, at - 1, hidden, multicast(capability, ranks))).toMatch(
          /^vllm\/custom/,
        );
        expect(first(engine, at, hidden, multicast(capability, ranks))).not.toMatch(
          /^vllm\/custom/,
        );
        expect(first(engine, at + 1, hidden, multicast(capability, ranks))).not.toMatch(
          /^vllm\/custom/,
        );
      }
    },
  );

  it.each([90, 100, 103, 107, 120, 80])(
    'on %i without symmetric memory: below 8 MiB, for every group size',
    (capability) => {
      for (const ranks of [2, 4, 6, 8]) {
        for (const settings of [
          NO_FLASHINFER,
          { env: { ...NO_FLASHINFER.env, VLLM_ALLREDUCE_USE_SYMM_MEM: '0' } },
        ]) {
          const engine = open(version, settings);
          expect(first(engine, 1023, 4096, target(capability, ranks))).toMatch(/^vllm\/custom/);
          expect(first(engine, 1024, 4096, target(capability, ranks))).toBe(
            '@arfuse/nccl/all-reduce',
          );
        }
      }
    },
  );

  it.each(SYMMETRIC)(
    'on %i, %i ranks: symmetric memory up to %f MiB by %s',
    (capability, ranks, mib, form) => {
      const engine = open(version, {
        ...NO_FLASHINFER,
        config: { disable_custom_all_reduce: 'true' },
      });
      for (const hidden of HIDDENS) {
        const last = Math.floor((mib * MIB) / (hidden * 2));
        expect(
          [last - 1, last, last + 1].map((at) =>
            first(engine, at, hidden, multicast(capability, ranks)),
          ),
        ).toEqual([`torch/${form}`, `torch/${form}`, '@arfuse/nccl/all-reduce']);
      }
    },
  );

  it('keeps symmetric memory from f16, from missing multicast, and where it is switched off', () => {
    const config = { disable_custom_all_reduce: 'true' };
    const asked = (on: Target, dtype: 'bf16' | 'f16', env: Record<string, string> = {}): string =>
      open(version, { env: { ...NO_FLASHINFER.env, ...env }, config }).today(
        question(plain(4096, dtype), on, 64),
      ).steps[0]!.kernel;
    expect(asked(multicast(90, 8), 'bf16')).toBe('torch/multimem');
    expect(asked(multicast(90, 8), 'f16')).toBe('@arfuse/nccl/all-reduce');
    expect(asked(target(90, 8), 'bf16')).toBe('@arfuse/nccl/all-reduce');
    expect(asked(multicast(90, 8), 'bf16', { VLLM_ALLREDUCE_USE_SYMM_MEM: '0' })).toBe(
      '@arfuse/nccl/all-reduce',
    );
    expect(asked(multicast(90, 16), 'bf16')).toBe('@arfuse/nccl/all-reduce');
  });

  it.each([
    [2, Number.POSITIVE_INFINITY],
    [4, 512 * KIB],
    [8, 256 * KIB],
  ])('custom all-reduce of %i ranks: one stage below %f bytes', (ranks, bytes) => {
    const engine = open(version, NO_FLASHINFER);
    const at = Math.min(bytes, 8 * MIB - 8192) / 8192;
    const on = target(90, ranks);
    expect(first(engine, at - 1, 4096, on)).toBe('vllm/custom-all-reduce-one-stage');
    expect(first(engine, at, 4096, on)).toBe(
      `vllm/custom-all-reduce-${Number.isFinite(bytes) ? 'two' : 'one'}-stage`,
    );
  });

  it('custom all-reduce needs 2, 4, 6 or 8 ranks of one node, NVLink beyond two, and whole 16 bytes', () => {
    const engine = open(version, NO_FLASHINFER);
    expect(first(engine, 1, 4096, target(90, 16))).toBe('@arfuse/nccl/all-reduce');
    expect(first(engine, 1, 4096, target(90, 4, { interconnect: 'pcie' }))).toBe(
      '@arfuse/nccl/all-reduce',
    );
    expect(first(engine, 1, 4096, target(90, 2, { interconnect: 'pcie' }))).toMatch(
      /^vllm\/custom/,
    );
    expect(
      first(engine, 1, 4096, target(90, 8, { groups: { default: { size: 8, nodes: 2 } } })),
    ).toBe('@arfuse/nccl/all-reduce');
    expect(first(engine, 1, 4092, target(90, 2))).toBe('@arfuse/nccl/all-reduce');
    expect(first(engine, 2, 4092, target(90, 2))).toMatch(/^vllm\/custom/);
  });

  it.each([
    [4, 16 * KIB, 512 * KIB],
    [8, 16 * KIB, 128 * KIB],
  ])('NCCL symmetric memory of %i ranks: up to %i and from %i bytes on', (ranks, from, to) => {
    const engine = open(version, { env: { ...NO_FLASHINFER.env, VLLM_USE_NCCL_SYMM_MEM: '1' } });
    // Rows of 4 KiB, so that both limits are whole rows.
    const on = target(90, ranks);
    const symmetric = [from - 4096, from, from + 4096, to - 4096, to, to + 4096].map((bytes) =>
      first(engine, bytes / 4096, 2048, on).endsWith('symmetric'),
    );
    expect(symmetric).toEqual([true, true, false, false, true, true]);
  });

  it('NCCL symmetric memory always above 8 ranks, never below 4, and never with 6', () => {
    const engine = open(version, { env: { ...NO_FLASHINFER.env, VLLM_USE_NCCL_SYMM_MEM: '1' } });
    expect(
      [2, 6, 16].map((ranks) => first(engine, 4, 2048, target(90, ranks)).endsWith('symmetric')),
    ).toEqual([false, false, true]);
    // FlashInfer, where it takes the size, comes first.
    const both = open(version, { env: { VLLM_USE_NCCL_SYMM_MEM: '1' } });
    expect(first(both, 4, 2048, target(90, 8))).toBe('@arfuse/flashinfer/one-shot');
  });

  it('FlashInfer up to the fused limit, by default, in its own form', () => {
    const engine = open(version);
    const on = target(90, 8);
    expect([63, 64, 65].map((at) => first(engine, at, 4096, on))).toEqual([
      '@arfuse/flashinfer/one-shot',
      '@arfuse/flashinfer/one-shot',
      'vllm/custom-all-reduce-two-stage',
    ]);
    // trtllm: 2 × ranks × bytes ≤ 64 MiB for four ranks, that is 8 MiB.
    const wide = target(100, 4);
    expect([1023, 1024, 1025].map((at) => first(engine, at, 4096, wide))).toEqual([
      '@arfuse/flashinfer/one-shot',
      '@arfuse/flashinfer/one-shot',
      '@arfuse/flashinfer/two-shot',
    ]);
    expect(
      first(
        open(version, { config: { 'pass_config.fi_allreduce_fusion_max_size_mb': '0.125' } }),
        64,
        4096,
        on,
      ),
    ).toBe('@arfuse/flashinfer/one-shot');
  });

  it.each([
    [100, 8, 1, 128, null],
    [100, 8, 2, 128, null],
    [103, 4, 1, 80, 80],
    [103, 8, 1, 128, 64],
    [103, 8, 2, 128, 64],
    [103, 16, 4, 8, 8],
  ] as const)(
    'mnnvl on %i, %i ranks, %i nodes: its tuned limit',
    (capability, ranks, nodes, mib33, mib32) => {
      const mib = version === '0.33' ? mib33 : mib32;
      if (mib === null) return;
      const on = target(capability, ranks, {
        multicast: true,
        groups: { default: { size: ranks, nodes } },
      });
      const at = (mib * MIB) / 8192;
      const taken = [at - 1, at, at + 1].map((tokens) =>
        first(open(version), tokens, 4096, on).startsWith('flashinfer/mnnvl'),
      );
      // 0.29 to 0.32 store the largest size below the limit.
      expect(taken).toEqual([true, version === '0.33', false]);
    },
  );

  it('nothing but the custom all-reduce and NCCL when batch-invariant', () => {
    const engine = open(version, { env: { VLLM_BATCH_INVARIANT: '1' } });
    expect(first(engine, 100_000, 4096, multicast(90, 8))).toBe('vllm/custom-all-reduce-two-stage');
  });

  it('says of each backend why it is passed over, with where that stands', () => {
    const chain = open(version).unfused(question(plain(4096), target(90, 8), 20_000));
    expect(chain.steps).toEqual([
      { kernel: '@arfuse/nccl/all-reduce', params: {}, covers: ['all_reduce'] },
    ]);
    expect(chain.passedOver.map(({ kernel, reason }) => `${kernel}: ${reason}`)).toEqual([
      '@arfuse/nccl/all-reduce-symmetric: VLLM_USE_NCCL_SYMM_MEM=0.',
      'flashinfer/pcie-ipc-all-reduce: VLLM_ALLREDUCE_USE_FLASHINFER_PCIE_IPC=0.',
      'flashinfer all-reduce: 156.25 MiB is above its limit of 512 KiB.',
      'vllm/custom-all-reduce: 156.25 MiB is not below 8 MiB, its buffer.',
      'torch/multimem: its multicast pointer is 0: the target has no NVLink multicast (multicast=off).',
    ]);
    expect(chain.passedOver.every(({ citation }) => citation.includes(version))).toBe(true);
  });
});

describe('edges', () => {
  const SETTINGS: readonly Partial<EngineSettings>[] = [
    {},
    NO_FLASHINFER,
    { env: { VLLM_USE_NCCL_SYMM_MEM: '1' } },
    { env: { VLLM_FLASHINFER_ALLREDUCE_BACKEND: 'trtllm' } },
    {
      config: {
        'pass_config.fi_allreduce_fusion_max_size_mb': '0.3',
        compile_ranges_endpoints: '7,100',
      },
    },
  ];
  it.each(VERSIONS)('of vLLM %s hold every row count at which an answer changes', (version) => {
    for (const capability of [90, 100, 103]) {
      for (const ranks of [2, 4, 8]) {
        for (const on of [target(capability, ranks), multicast(capability, ranks)]) {
          for (const settings of SETTINGS) {
            const engine = open(version, settings);
            const scope = question(
              site(6144),
              { ...on, tokens: { max: 4096, buckets: [], graphUpTo: 0 } },
              1,
            );
            const edges = new Set(engine.edges(scope));
            let before = '';
            for (let tokens = 1; tokens <= 1500; tokens += 1) {
              const [now, alone] = [
                engine.today({ ...scope, tokens }),
                engine.unfused({ ...scope, tokens }),
              ];
              const key = JSON.stringify([now.steps, now.numerics, alone.steps, alone.numerics]);
              if (before !== '' && key !== before && !edges.has(tokens))
                expect.fail(
                  `${capability}, ${ranks} ranks, ${JSON.stringify(settings)}: ${tokens} is no edge`,
                );
              before = key;
            }
          }
        }
      }
    }
  });
});
