import { type ExecutionOptions, formatExecutionReport } from '@arfuse/conformance';
import type { Intercept, KernelCall } from '@arfuse/reference';
import { describe, expect, it } from 'vitest';
import { broken, chain, check, memoryAt, resultAt } from './support.ts';

const HIDDEN = 64;
const TOKENS = 5;
const ROW = HIDDEN * 2;

/** Changes the results of every run that matches. */
const after =
  (change: (call: KernelCall) => void, matches: (call: KernelCall) => boolean = () => true) =>
  (call: KernelCall) =>
    matches(call) ? () => change(call) : ('run' as const);

/** As if a kernel had left some bytes of its results as they were. */
const leaving =
  (from: (bytes: number) => number, matches: (call: KernelCall) => boolean): Intercept =>
  (call) => {
    if (!matches(call)) return 'run';
    const before = Object.values(call.step.results).map((place) => memoryAt(place).slice());
    return () => {
      for (const [i, place] of Object.values(call.step.results).entries()) {
        const start = from(TOKENS * ROW);
        memoryAt(place).set(before[i]!.subarray(start, TOKENS * ROW), start);
      }
    };
  };

const FAULTS: readonly {
  readonly what: string;
  readonly chain: string;
  readonly rule: string;
  readonly found: RegExp;
  readonly intercept: Intercept;
  readonly options?: Partial<ExecutionOptions>;
}[] = [
  {
    what: 'one element that is wrong at every rank',
    chain: 'add + norm',
    rule: 'right',
    found: /"residual" is 128 ULP off at element 131; 0 are allowed, since it is exact/,
    // One more in the exponent.
    intercept: after(({ step }) => {
      resultAt(step, 'residual')[2 * 131]! ^= 0x80;
    }),
  },
  {
    what: 'a norm that is two steps off',
    chain: 'add + norm',
    rule: 'right',
    found: /"norm" is \d+ ULP off at element 9; 1 are allowed/,
    intercept: after(({ step }) => {
      resultAt(step, 'norm')[2 * 9]! ^= 2;
    }),
  },
  {
    what: 'a stale output: nothing is written at the second launch',
    chain: 'add + norm',
    rule: 'written',
    found: /launch 2, eager: "residual": 320 of 320 elements are not written, the first is 0/,
    intercept: leaving(
      () => 0,
      ({ run }) => run === 1,
    ),
    options: { repeats: 2 },
  },
  {
    what: 'an output of which one rank writes a row less',
    chain: 'norm',
    rule: 'written',
    found: /"all_reduce" is not written at rank 1, from element 256 on/,
    intercept: leaving(
      (bytes) => bytes - ROW,
      ({ rank }) => rank === 1,
    ),
  },
  {
    what: 'an output with a row less at every rank, in the graph only',
    chain: 'add + norm',
    rule: 'written',
    found: /launch 2, as a graph: "residual": 64 of 320 elements are not written, the first is 256/,
    intercept: leaving(
      (bytes) => bytes - ROW,
      ({ run }) => run === 1,
    ),
  },
  {
    what: 'a write past the end of a result',
    chain: 'add + norm',
    rule: 'inside',
    found: /rank 1 wrote 1 bytes behind the end of "norm", the first 0 bytes behind/,
    intercept: after(
      ({ step }) => {
        resultAt(step, 'norm')[TOKENS * ROW] = 0;
      },
      ({ rank, rows }) => rank === 1 && rows === TOKENS,
    ),
    options: { tokens: [TOKENS, 9] },
  },
  {
    what: 'a write past the end of a buffer',
    chain: 'add + norm',
    rule: 'inside',
    found: /rank 0 wrote 2 bytes behind the buffer "norm out", the first 4000 bytes behind/,
    intercept: after(({ step }) => {
      // A buffer is a view of its rank's one allocation.
      const { buffer, byteOffset } = resultAt(step, 'norm');
      new Uint8Array(buffer).fill(
        0,
        byteOffset + TOKENS * ROW + 4000,
        byteOffset + TOKENS * ROW + 4002,
      );
    }),
  },
  {
    what: 'ranks that differ in one bit',
    chain: 'fp8_static with norm',
    rule: 'ranks',
    found: /"norm" differs in 1 elements between ranks 0 and 1/,
    intercept: after(
      ({ step }) => {
        resultAt(step, 'norm')[20]! ^= 1;
      },
      ({ rank }) => rank === 1,
    ),
  },
  {
    what: 'scales in another layout',
    chain: 'fp8_group',
    rule: 'layout',
    found: /the scales are right and lie in another order/,
    intercept: after(({ step }) => {
      // Packed words hold a row's groups together; as columns they stand apart.
      const scales = resultAt(step, 'scale');
      const rows = Array.from({ length: TOKENS }, (_, row) => scales.slice(4 * row, 4 * row + 4));
      rows.forEach((row, at) => {
        for (let group = 0; group < 4; group += 1) scales[group * TOKENS + at] = row[group]!;
      });
    }),
    options: { hidden: [256], tokens: [TOKENS] },
  },
  {
    what: 'a NaN that becomes a number',
    chain: 'fp8_static',
    rule: 'nan',
    found: /special: .*"quant": \d+ elements are numbers where a NaN belongs/,
    intercept: after(({ step }) => {
      const quant = resultAt(step, 'quant');
      for (let i = 0; i < TOKENS * HIDDEN; i += 1) if ((quant[i]! & 127) === 127) quant[i] = 0xfe;
    }),
  },
  {
    what: 'a norm that is one step off at the second launch',
    chain: 'norm',
    rule: 'repeats',
    found: /launch 2, as a graph: "norm" has other bits than after the first launch/,
    intercept: after(
      ({ step }) => {
        resultAt(step, 'norm')[6]! ^= 1;
      },
      ({ run }) => run === 1,
    ),
  },
];

describe('a planted fault breaks the rule that it is about, and no other', () => {
  it.each(FAULTS)('$what', async ({ chain: name, rule, found, intercept, options }) => {
    const report = await check({ chains: chain(name), ...options }, intercept);
    expect(broken(report), formatExecutionReport(report)).toEqual([rule]);
    expect(report.passed).toBe(false);
    const faults = report.checks.find((one) => one.rule === rule)!.faults;
    expect(
      faults.some((fault) => found.test(fault)),
      faults.join('\n'),
    ).toBe(true);
  });

  it('names a rank that never comes, and goes on', async () => {
    let stuck = 0;
    const report = await check(
      { chains: chain('norm'), executor: { deadlineMs: 100 } },
      ({ rank }) => {
        if (rank !== 1 || stuck > 0) return 'run';
        stuck += 1;
        return 'wait';
      },
    );
    expect(broken(report), formatExecutionReport(report)).toEqual(['runs']);
    const [runs] = report.checks;
    expect(runs!.broken).toBe(1);
    expect(runs!.faults[0]).toMatch(/was not complete after 0\.1 s/);
    expect(report.cases).toBeGreaterThan(1);
  });
});
