import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BUILT_IN_TABLES, costModels, createEvidence, type EvidenceQuery } from '../src/index.ts';
import { ask, h200, key, NCCL, ONE_SHOT, row, TWO_SHOT, table } from './support.ts';

const built = createEvidence(BUILT_IN_TABLES);
const SYMMETRIC = ['@arfuse/nccl/all-reduce-symmetric', '@arfuse/native/norm'];

describe('measured', () => {
  it('gives the row itself where one was measured', () => {
    expect(built.find(ask(ONE_SHOT, 128))).toEqual({
      kind: 'measured',
      table: '@arfuse/thresholds/h200-sxm-2x@1.0.0',
      us: 11.7,
      note: 'Measured at 128 tokens, hidden 8192.',
    });
    expect(built.find(ask(SYMMETRIC, 128))?.us).toBe(23.07);
    expect(built.find(ask(NCCL, 8192))?.us).toBe(597.98);
  });

  it('interpolates in log-log coordinates', () => {
    const found = built.find(ask(ONE_SHOT, 181));
    const expected = 11.7 * (19.07 / 11.7) ** (Math.log(181 / 128) / Math.log(2));
    expect(found?.kind).toBe('measured');
    expect(found?.us).toBeCloseTo(expected, 2);
    expect(found?.note).toContain('between 128 and 256 tokens');
  });

  it('never extrapolates', () => {
    expect(built.find(ask(ONE_SHOT, 2049), ['measured', 'transferred'])).toBeUndefined();
    expect(built.find(ask(TWO_SHOT, 3), ['measured', 'transferred'])).toBeUndefined();
    expect(built.find(ask(NCCL, 8193), ['measured', 'transferred'])).toBeUndefined();
  });

  it('tells "not measured" from "measured, unfused is best"', () => {
    expect(built.find(ask(TWO_SHOT, 4096))?.us).toBe(317.74);
    expect(built.find(ask(NCCL, 4096))?.us).toBe(312.16);
    expect(built.find(ask(ONE_SHOT, 4096), ['measured'])).toBeUndefined();
  });

  it('carries the recorded spread, the larger of two neighbours', () => {
    const { find } = createEvidence([
      table([row(1, 10, { p10Us: 9, p90Us: 11 }), row(4, 20, { p10Us: 19, p90Us: 25 })]),
    ]);
    expect(find(ask(ONE_SHOT, 1))?.spread).toBeCloseTo(0.2);
    expect(find(ask(ONE_SHOT, 2))?.spread).toBeCloseTo(0.3);
  });

  it('takes the earlier of two tables', () => {
    const own = table([row(128, 3), row(256, 4)]);
    expect(createEvidence([own, ...BUILT_IN_TABLES]).find(ask(ONE_SHOT, 128))?.us).toBe(3);
  });

  it.each([
    ['another group size', { groupSize: 4 }],
    ['another GPU', { sku: 'h100-sxm' }],
    ['another capability', { capability: 100 }],
    ['two nodes', { nodes: 2 }],
    ['another interconnect', { interconnect: 'pcie' }],
    ['another element size', { dtype: 'f32', itemsize: 4 }],
  ] as const)('has no time on %s', (_what, context) => {
    expect(
      built.find(ask(NCCL, 128, context), ['measured', 'transferred', 'estimated']),
    ).toBeUndefined();
  });

  it('ignores multicast for two ranks, where nothing uses it, and not for four', () => {
    expect(built.find(ask(ONE_SHOT, 128, { multicast: true }))?.kind).toBe('measured');
    const four = { ...key, groupSize: 4 };
    const { find } = createEvidence([table([row(128, 20, { key: four })])]);
    expect(find(ask(ONE_SHOT, 128, { groupSize: 4 }))?.kind).toBe('measured');
    expect(find(ask(ONE_SHOT, 128, { groupSize: 4, multicast: true }))).toBeUndefined();
  });
});

describe('transferred', () => {
  it('reads another hidden size at equal bytes, with a wider spread', () => {
    const found = built.find(ask(ONE_SHOT, 256, { hidden: 4096 }));
    expect(found).toMatchObject({ kind: 'transferred', us: 11.7, spread: 0.05 });
    expect(found?.note).toContain('at hidden 8192 with equal bytes');
  });

  it('prefers the nearer hidden size', () => {
    const near = row(128, 12, { hidden: 6144 });
    const far = row(768, 99, { hidden: 1024 });
    const { find } = createEvidence([table([far, near])]);
    expect(find(ask(ONE_SHOT, 96))?.us).toBe(12);
  });

  it('says so where the launch mode, the dtype or the chain differs', () => {
    expect(built.find(ask(ONE_SHOT, 128, { mode: 'eager' }))).toMatchObject({
      kind: 'transferred',
      us: 11.7,
    });
    expect(built.find(ask(ONE_SHOT, 128, { mode: 'eager' }))?.note).toContain(
      'measured in a CUDA graph',
    );
    expect(built.find(ask(ONE_SHOT, 128, { dtype: 'f16' }))?.note).toContain('measured in bf16');
    expect(built.find(ask(ONE_SHOT, 128, { pattern: 'ar_add_rms_fp8_static' }))?.note).toContain(
      'measured for ar_add_rms',
    );
  });

  it('takes a row with another launch variant only where no other says anything', () => {
    expect(built.find(ask(ONE_SHOT, 1))?.us).toBe(5.61);
    const found = built.find(ask(ONE_SHOT, 138, { sku: 'h100-sxm', hidden: 6144 }));
    expect(found).toMatchObject({ kind: 'transferred', us: 12.9792 });
    expect(found?.note).toContain('with pdl');
  });
});

describe('published', () => {
  const eight = { groupSize: 8, sku: 'h100-sxm' } as const;

  it('gives the limit of an engine with its citation', () => {
    const found = built.find(ask(ONE_SHOT, 32, eight));
    expect(found).toMatchObject({ kind: 'published', table: '@arfuse/thresholds/vllm-0.33@1.0.0' });
    expect(found?.note).toContain('allreduce_rms_fusion.py:133-137');
    expect(found?.us).toBeUndefined();
  });

  it('is exact at both ends', () => {
    expect(built.find(ask(ONE_SHOT, 33, eight))).toBeUndefined();
    const four = { groupSize: 4, capability: 100, sku: 'b200' } as const;
    const kinds = ['published'] as const;
    expect(built.find(ask(ONE_SHOT, 256, four), kinds)).toBeDefined();
    expect(built.find(ask(ONE_SHOT, 257, four), kinds)).toBeUndefined();
    expect(built.find(ask(TWO_SHOT, 256, four), kinds)).toBeUndefined();
    expect(built.find(ask(TWO_SHOT, 257, four), kinds)).toBeDefined();
    expect(built.find(ask(TWO_SHOT, 2048, four), kinds)).toBeDefined();
    expect(built.find(ask(TWO_SHOT, 2049, four), kinds)).toBeUndefined();
  });

  it('lists the row counts at which an answer may change', () => {
    const edges = built.edges({ ...h200, ...eight }, 8192);
    expect(edges).toContain(32);
    expect(edges).toContain(33);
    expect(built.edges(h200, 2048)).toEqual(expect.arrayContaining([1, 4, 16, 128, 2048]));
    expect(Math.max(...built.edges(h200, 2048))).toBeLessThanOrEqual(2048);
  });
});

describe('estimated', () => {
  const TORCH = ['torch/two_shot', '@arfuse/native/norm'];

  it.each([
    [256, 24.52],
    [512, 38.93],
    [1024, 78.81],
    [2048, 144.02],
    [4096, 284.02],
    [8192, 550.33],
  ])('sums an all-reduce and a norm at %d tokens', (tokens, us) => {
    const found = built.find(ask(TORCH, tokens));
    expect(found).toMatchObject({ kind: 'estimated', us });
    expect(found?.note).toMatch(/leave-one-out error \d+\.\d %/);
  });

  it('uses a cost model beyond the measured range, and says so', () => {
    const found = built.find(ask(ONE_SHOT, 4096), ['estimated']);
    expect(found?.us).toBeGreaterThan(250);
    expect(found?.us).toBeLessThan(360);
    expect(found?.note).toContain('outside the measured range');
  });

  it('is refused where the error reaches 25 percent', () => {
    const wild = table([
      row(1, 10),
      row(4, 80),
      row(16, 12),
      row(64, 300),
      row(256, 30),
      row(1024, 900),
    ]);
    const { find } = createEvidence([wild]);
    expect(find(ask(ONE_SHOT, 2048), ['estimated'])).toBeUndefined();
    expect(costModels([wild], h200)[0]!.error).toBeGreaterThan(0.25);
  });

  it('is refused below four rows, and without rows at this group size', () => {
    expect(
      createEvidence([table([row(1, 5), row(4, 6), row(16, 7)])]).find(ask(ONE_SHOT, 64)),
    ).toBeUndefined();
    expect(built.find(ask(ONE_SHOT, 128, { groupSize: 4 }), ['estimated'])).toBeUndefined();
  });

  it('is never below the wire bound', () => {
    const rows = [1, 2, 4, 8, 16].map((tokens) => row(tokens, 5));
    const found = createEvidence([table(rows)]).find(ask(ONE_SHOT, 8192), ['estimated']);
    expect(found?.us).toBeCloseTo((8192 * 8192 * 2) / 450e3, 2);
  });

  it('follows what each step covers', () => {
    const prepost: EvidenceQuery = {
      ...ask([...ONE_SHOT, '@arfuse/native/norm'], 128, { pattern: 'ar_prepost' }),
      covers: [
        ['all_reduce', 'pre_norm'],
        ['residual', 'norm'],
      ],
    };
    expect(built.find(prepost)).toMatchObject({ kind: 'estimated', us: 14.78 });
  });

  it('reports a model for every measured kernel list at this group size', () => {
    const models = costModels(BUILT_IN_TABLES, h200);
    const oneShot = models.find(({ kernels }) => kernels[0] === ONE_SHOT[0]);
    expect(oneShot).toMatchObject({ points: 10 });
    expect(oneShot!.error).toBeLessThan(0.25);
    expect(costModels(BUILT_IN_TABLES, { ...h200, sku: 'b200', capability: 100 })).toEqual([]);
  });
});

describe('properties', () => {
  const increasing = fc
    .uniqueArray(fc.integer({ min: 1, max: 1024 }), { minLength: 2, maxLength: 12 })
    .chain((tokens) =>
      fc
        .array(fc.double({ min: 0.1, max: 50, noNaN: true }), {
          minLength: tokens.length,
          maxLength: tokens.length,
        })
        .map((steps) => {
          let us = 2;
          return [...tokens]
            .sort((a, b) => a - b)
            .map((count, i) => {
              us += steps[i]!;
              return row(count, us);
            });
        }),
    );

  it('interpolation is monotone between monotone rows and stays between them', () => {
    fc.assert(
      fc.property(increasing, (rows) => {
        const { find } = createEvidence([table(rows)]);
        let last = 0;
        for (let tokens = rows[0]!.tokens; tokens <= rows.at(-1)!.tokens; tokens += 1) {
          const us = find(ask(ONE_SHOT, tokens))!.us!;
          expect(us).toBeGreaterThanOrEqual(last - 0.001);
          expect(us).toBeLessThanOrEqual(rows.at(-1)!.medianUs + 0.001);
          last = us;
        }
      }),
      { numRuns: 40 },
    );
  });

  it('answers do not depend on the order of rows', () => {
    const [measured] = BUILT_IN_TABLES;
    if (measured?.kind !== 'measured') throw new Error('the first table is measured');
    fc.assert(
      fc.property(
        fc.shuffledSubarray([...measured.rows], { minLength: measured.rows.length }),
        fc.integer({ min: 1, max: 9000 }),
        (rows, tokens) => {
          const { find } = createEvidence([{ ...measured, rows }]);
          for (const kernels of [ONE_SHOT, TWO_SHOT, NCCL, SYMMETRIC]) {
            expect(find(ask(kernels, tokens))).toEqual(
              createEvidence([measured]).find(ask(kernels, tokens)),
            );
          }
        },
      ),
      { numRuns: 25 },
    );
  });
});
