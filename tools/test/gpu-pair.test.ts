import { describe, expect, it } from 'vitest';
import { type Pair, pairLines } from '../src/docs/gpu-pair.mjs';

const ONE = '@acme/fast/one';
const TWO = '@acme/fast/two';
const site = { medianUs: 5.717, p10Us: 5.6, p90Us: 6.011, n: 41 };

const pair: Pair = {
  device: 'NVIDIA H200',
  cuda: '13.0',
  date: '2026-12-01',
  seed: 5,
  nccl: '2.28.9',
  conformance: {
    dtypes: ['bf16'],
    hidden: [64],
    tokens: [1, 16],
    reports: [
      {
        kernels: [ONE, TWO],
        passed: false,
        seed: 5,
        complete: false,
        cases: 1344,
        launches: 10_752,
        elements: 4_574_289_408,
        checks: [
          { rule: 'right', text: 'results are right', cases: 1344, broken: 2, faults: [] },
          { rule: 'nan', text: 'NaN survives', cases: 9, broken: 0, faults: [] },
        ],
        distances: [],
        refused: [],
        seconds: 9,
      },
    ],
  },
  processes: {
    results: [
      { kernel: ONE, case: 'add + norm', launches: 6 },
      { kernel: TWO, case: 'add + norm', launches: 6, fault: 'ranks 0 and 1 differ' },
      { kernel: ONE, case: 'a rank that dies', launches: 1, endedAfterMs: 271.4 },
    ],
  },
  recovery: [
    {
      kernel: ONE,
      size: 2,
      passed: true,
      rounds: 6,
      asked: 6,
      operations: 600,
      faults: [],
      msAfterDeadline: { median: 4.9, max: 6.5 },
    },
  ],
  launcher: {
    results: [
      { name: 'arfuse run PLAN', faults: [] },
      { name: 'examples/run.mjs', faults: ['rank 1 ended with 3'] },
    ],
  },
  speed: {
    sites: 32,
    hidden: 8192,
    rows: [
      { kernel: ONE, tokens: 1, site },
      { kernel: TWO, tokens: 1, refused: ['needs more tokens than ranks.'] },
      { kernel: ONE, tokens: 16, failed: 'no memory' },
    ],
  },
};

describe('results of two GPUs in docs/performance.md', () => {
  const text = pairLines([pair]).join('\n');

  it.each([
    'on two NVIDIA H200, one rank on each (2026-12-01, seed 5, NCCL 2.28.9).',
    `| \`${ONE}\`, \`${TWO}\` | 1,344 | 10,752 | 4,574,289,408 | results are right; not finished |`,
    `| \`${ONE}\` | 6 right | reported after 0.27 s |`,
    `| \`${TWO}\` | wrong | - |`,
    `| \`${ONE}\` | 2 | 6 of 6 | 600 | 0 | 4.9 | 6.5 |`,
    '`arfuse run PLAN` right, `examples/run.mjs` failed.',
    '| kernel | 1 token | 16 tokens |',
    `| \`${ONE}\` | 5.7 (5.6 to 6.0) | - |`,
    `| \`${TWO}\` | refused | - |`,
  ])('say %s', (line) => expect(text).toContain(line));

  it('leave out parts that were not asked for', () => {
    const { device, cuda, date, seed, nccl } = pair;
    expect(pairLines([{ device, cuda, date, seed, nccl }])).toHaveLength(4);
    expect(pairLines([])).toEqual([]);
  });
});
