import type { LaunchMode } from '@arfuse/contract';
import { describe, expect, it } from 'vitest';
import { ask, type Box, KIB, MIB, NCCL, NO_FUSION, plainKernel, plainOf } from './support.ts';

/**
 * Algorithms up to their last size, in SGLang's order: p1 and p2 push one-shot and two-shot, r1 and r2 pull one-shot and
 * two-shot, m2 two-shot over multicast. `<` is a size that is not reached.
 */
type Row = readonly [
  capability: number,
  ranks: number,
  mode: LaunchMode | 'both',
  multicast: 'on' | 'off' | 'any',
  ladder: string,
];

const KERNELS: Readonly<Record<string, string>> = {
  p1: 'sglang/push-one-shot',
  p2: 'sglang/push-two-shot',
  r1: 'sglang/pull-one-shot',
  r2: 'sglang/pull-two-shot',
  m2: 'sglang/pull-two-shot-multicast',
};

/** As clipped by the default workspace of 16 MiB. */
const DEFAULT: readonly Row[] = [
  [90, 2, 'both', 'any', 'p1 16M'],
  [90, 3, 'graph', 'any', 'p1 1.25M, r2 16M'],
  [90, 3, 'eager', 'any', 'p1 3M, r2 16M'],
  [90, 4, 'graph', 'any', 'p1 384K, r2 16M'],
  [90, 4, 'eager', 'off', 'p1 896K, r2 16M'],
  [90, 4, 'eager', 'on', 'p1 896K, m2 16M'],
  [90, 5, 'graph', 'any', 'p1 192K, r2 16M'],
  [90, 5, 'eager', 'off', 'p1 384K, r2 16M'],
  [90, 5, 'eager', 'on', 'p1 384K, m2 16M'],
  [90, 6, 'graph', 'off', 'p1 128K, r2 16M'],
  [90, 6, 'graph', 'on', 'p1 128K, r2 <8M, m2 16M'],
  [90, 6, 'eager', 'off', 'p1 192K, r2 16M'],
  [90, 6, 'eager', 'on', 'p1 192K, m2 16M'],
  [90, 7, 'graph', 'off', 'p1 128K, r2 16M'],
  [90, 7, 'graph', 'on', 'p1 128K, r2 <1M, m2 16M'],
  [90, 7, 'eager', 'off', 'p1 128K, r2 16M'],
  [90, 7, 'eager', 'on', 'p1 128K, m2 16M'],
  [90, 8, 'graph', 'off', 'p1 128K, r2 16M'],
  [90, 8, 'graph', 'on', 'p1 128K, r2 <0.5M, m2 16M'],
  [90, 8, 'eager', 'off', 'p1 128K, r2 16M'],
  [90, 8, 'eager', 'on', 'p1 128K, m2 16M'],
  ...[100, 103].flatMap((capability): Row[] => [
    [capability, 2, 'graph', 'any', 'p1 8M, r1 16M'],
    [capability, 2, 'eager', 'any', 'p1 16M'],
    [capability, 3, 'graph', 'any', 'p1 4M, r2 16M'],
    [capability, 3, 'eager', 'any', 'p1 8M, r2 16M'],
    [capability, 4, 'both', 'any', 'p1 0.625M, p2 8M, r2 16M'],
    [capability, 5, 'graph', 'any', 'p1 1.5M, r2 16M'],
    [capability, 5, 'eager', 'off', 'p1 2M, r2 16M'],
    [capability, 5, 'eager', 'on', 'p1 2M, m2 16M'],
    [capability, 6, 'graph', 'any', 'p1 1M, r2 16M'],
    [capability, 6, 'eager', 'off', 'p1 1.25M, r2 16M'],
    [capability, 6, 'eager', 'on', 'p1 1.25M, m2 16M'],
    [capability, 7, 'graph', 'any', 'p1 0.625M, r2 16M'],
    [capability, 7, 'eager', 'off', 'p1 1M, r2 16M'],
    [capability, 7, 'eager', 'on', 'p1 1M, m2 16M'],
    [capability, 8, 'both', 'off', 'p1 256K, p2 8M, r2 16M'],
    [capability, 8, 'both', 'on', 'p1 256K, p2 8M, m2 16M'],
    [capability, 16, 'both', 'off', 'p1 256K, r2 16M'],
    [capability, 16, 'both', 'on', 'p1 256K, m2 16M'],
  ]),
  [107, 2, 'both', 'any', 'p1 16M'],
  [107, 3, 'both', 'any', 'p1 16M'],
  [107, 4, 'graph', 'any', 'p1 6.938M, r2 16M'],
  [107, 4, 'eager', 'off', 'p1 9.812M, r2 16M'],
  [107, 4, 'eager', 'on', 'p1 9.812M, m2 16M'],
  [107, 5, 'both', 'off', 'p1 6.938M, r2 16M'],
  [107, 5, 'both', 'on', 'p1 6.938M, m2 16M'],
  [107, 6, 'both', 'off', 'p1 4.875M, r2 16M'],
  [107, 6, 'both', 'on', 'p1 4.875M, m2 16M'],
  [107, 7, 'both', 'off', 'p1 3.438M, r2 16M'],
  [107, 7, 'both', 'on', 'p1 3.438M, m2 16M'],
  [107, 8, 'both', 'off', 'p1 2.438M, r2 16M'],
  [107, 8, 'both', 'on', 'p1 2.438M, m2 16M'],
  [107, 16, 'both', 'off', 'p1 832K, r2 16M'],
  [107, 16, 'both', 'on', 'p1 832K, m2 16M'],
  [80, 2, 'both', 'any', 'p1 1M, r2 16M'],
  [80, 16, 'both', 'any', 'p1 1M, r2 16M'],
  [120, 8, 'both', 'any', 'p1 1M, r2 16M'],
];

/** The table itself: what is left where SGLANG_CUSTOM_ALL_REDUCE_V2_MAX_SIZE_KB clips nothing. */
const UNCLIPPED: readonly Row[] = [
  [90, 2, 'graph', 'any', 'p1 16M, r1 128M'],
  [90, 2, 'eager', 'any', 'p1 32M, r1 128M'],
  [90, 3, 'graph', 'any', 'p1 1.25M, r2 128M'],
  [90, 3, 'eager', 'any', 'p1 3M, r2 16M'],
  [90, 4, 'graph', 'any', 'p1 384K, r2 128M'],
  [90, 4, 'eager', 'off', 'p1 896K, r2 32M'],
  [90, 6, 'graph', 'on', 'p1 128K, r2 <8M, m2 32M'],
  [90, 7, 'graph', 'off', 'p1 128K, r2 32M'],
  [90, 8, 'graph', 'off', 'p1 128K, r2 32M'],
  [90, 8, 'graph', 'on', 'p1 128K, r2 <0.5M, m2 128M'],
  [90, 8, 'eager', 'off', 'p1 128K, r2 128M'],
  [100, 2, 'graph', 'any', 'p1 8M, r1 32M, r2 128M'],
  [100, 2, 'eager', 'any', 'p1 16M, r1 128M'],
  [103, 3, 'eager', 'any', 'p1 8M, r2 32M'],
  [103, 4, 'graph', 'any', 'p1 0.625M, p2 8M, r2 128M'],
  [103, 4, 'eager', 'any', 'p1 0.625M, p2 8M, r2 32M'],
  [100, 6, 'eager', 'on', 'p1 1.25M, m2 64M'],
  [107, 2, 'both', 'any', 'p1 128M'],
  [107, 3, 'graph', 'any', 'p1 19.625M, r2 128M'],
  [107, 3, 'eager', 'any', 'p1 39.188M, r2 128M'],
  [80, 4, 'both', 'any', 'p1 1M, r2 16M'],
];

interface Step {
  readonly kernel: string;
  readonly last: number;
}

function parse(ladder: string): Step[] {
  return ladder.split(', ').map((part) => {
    const [, kernel, below, size, unit] = /^(\w\d) (<?)([\d.]+)([KM])$/.exec(part)!;
    const bytes = Math.trunc(Number(size) * (unit === 'K' ? KIB : MIB));
    const last = below === '<' ? bytes - 16 : bytes - (bytes % 16);
    return { kernel: KERNELS[kernel!]!, last };
  });
}

function check(row: Row, env: Box['env'] = {}): void {
  const [capability, size, mode, multicast, ladder] = row;
  const steps = parse(ladder);
  for (const on of multicast === 'any' ? [true, false] : [multicast === 'on'])
    for (const one of mode === 'both' ? (['graph', 'eager'] as const) : [mode]) {
      const box: Box = {
        capability,
        size,
        multicast: on,
        config: NO_FUSION,
        ...(env ? { env } : {}),
      };
      const kernelAt = (bytes: number): string => plainKernel(box, bytes, one);
      expect(kernelAt(16), `${row}`).toBe(steps[0]!.kernel);
      steps.forEach(({ kernel, last }, at) => {
        const above = steps[at + 1]?.kernel ?? NCCL;
        expect(
          [kernelAt(last - 16), kernelAt(last), kernelAt(last + 16)],
          `${row} at ${last}`,
        ).toEqual([kernel, kernel, above]);
      });
    }
}

describe('custom all-reduce (v2)', () => {
  it.each(DEFAULT)('%i with %i ranks, %s, multicast %s: %s', (...row) => check(row));

  it.each(UNCLIPPED)('unclipped: %i with %i ranks, %s, multicast %s: %s', (...row) =>
    check(row, { SGLANG_CUSTOM_ALL_REDUCE_V2_MAX_SIZE_KB: '131072' }),
  );

  it.each([
    // A two-shot push slot holds two halves of a chunk: ws 4 reaches twice the slot.
    [100, 4, '1024', 'p1 0.625M, p2 2M'],
    [100, 8, '128', 'p1 128K, p2 512K'],
    [90, 8, '256', 'p1 128K, r2 256K'],
    [90, 8, '100', 'p1 100K'],
    [90, 8, '0', 'p1 1K'],
  ] as const)('%i with %i ranks clips to %s KiB: %s', (capability, ranks, kib, ladder) =>
    check([capability, ranks, 'both', 'off', ladder], {
      SGLANG_CUSTOM_ALL_REDUCE_V2_MAX_SIZE_KB: kib,
    }),
  );

  it('lifts a plane to its forced size', () => {
    check([90, 8, 'both', 'off', 'p1 128K, r2 64M'], {
      SGLANG_FORCE_CUSTOM_ALL_REDUCE_V2_PULL_SIZE_KB: '65536',
    });
    check([90, 8, 'both', 'off', 'p1 2M, r2 16M'], {
      SGLANG_FORCE_CUSTOM_ALL_REDUCE_V2_PUSH_SIZE_KB: '2048',
    });
    check([90, 8, 'both', 'on', 'p1 128K'], {
      SGLANG_FORCE_CUSTOM_ALL_REDUCE_V2_PULL_SIZE_KB: '0',
    });
  });

  it.each([
    [90, 9],
    [90, 16],
    [100, 9],
    [107, 12],
    [80, 17],
  ])('does not serve %i with %i ranks', (capability, size) => {
    expect(plainKernel({ capability, size, config: NO_FUSION }, 4096)).toBe(NCCL);
  });

  it('takes multiples of 16 bytes only', () => {
    // Rows of 24 bytes: every second count is a multiple of 16.
    const odd = plainOf(12);
    const kernels = [1, 2, 3, 4].map((tokens) => ask({ config: NO_FUSION }, tokens, 'graph', odd));
    expect(kernels.map(({ steps }) => steps[0]!.kernel)).toEqual([
      NCCL,
      'sglang/push-one-shot',
      NCCL,
      'sglang/push-one-shot',
    ]);
    expect(kernels[0]!.passedOver).toContainEqual(
      expect.objectContaining({ reason: '24 bytes are no multiple of 16.' }),
    );
  });

  it('says which table, limit and clip decided', () => {
    const chain = ask({ config: NO_FUSION }, 16, 'graph');
    expect(chain.rule).toBe(
      'the custom all-reduce (v2, graph table) takes push-one-shot up to 128 KiB; this is 128 KiB.',
    );
    expect(chain.citation).toContain('configs/custom_all_reduce_v2.py:307-311');
    expect(chain.numerics).toMatchObject({ accumulate: 'f32', reduceOrder: 'rank' });
    const above = ask({ config: NO_FUSION }, 2049, 'eager');
    expect(above.steps[0]!.kernel).toBe(NCCL);
    expect(above.passedOver).toContainEqual(
      expect.objectContaining({
        kernel: 'sglang custom all-reduce',
        reason: '16.008 MiB is above its limit of 16 MiB (eager; workspace 16384 KiB).',
      }),
    );
  });

  it('takes the eager table across nodes, in graphs too', () => {
    const rack: Box = {
      capability: 100,
      size: 5,
      nodes: 5,
      sku: 'gb200',
      config: { ...NO_FUSION, expandable_segments: 'true' },
    };
    expect(plainKernel(rack, 2 * MIB, 'graph')).toBe('sglang/push-one-shot');
    expect(plainKernel({ ...rack, nodes: 1 }, 2 * MIB, 'graph')).toBe('sglang/pull-two-shot');
  });
});
