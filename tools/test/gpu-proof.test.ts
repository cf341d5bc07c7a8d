import { describe, expect, it } from 'vitest';
import { type Proof, proofLines, type Soak } from '../src/docs/gpu-proof.mjs';

const facts = { device: 'NVIDIA H200', cuda: '13.0', date: '2026-12-01', seed: 5 };

const proof: Proof = {
  ...facts,
  norm: { passed: 5000, failures: [] },
  ranks: {
    passed: true,
    seed: 5,
    complete: false,
    next: 'f32 N=8 hidden=8192',
    cases: 1234,
    launches: 9872,
    elements: 1,
    checks: [
      { rule: 'right', text: 'results are right', cases: 1234, broken: 0, faults: [] },
      { rule: 'nan', text: 'NaN survives', cases: 0, broken: 0, faults: [] },
    ],
    distances: [
      {
        kernel: '@acme/fast/one',
        output: 'norm',
        allowedUlps: 1,
        why: '',
        elements: { '0': 1_000_000, '1': 3 },
      },
    ],
    refused: [{ kernel: '@acme/fast/one', reason: 'adds bf16.', count: 40 }],
    seconds: 60,
    kernels: ['@acme/fast/one'],
    sizes: [2, 4],
    hidden: [64],
    tokens: [1],
    proof: 'On the GPU.',
  },
  recovery: [
    {
      kernel: '@acme/fast/one',
      size: 2,
      passed: true,
      rounds: 50,
      asked: 50,
      operations: 50_000,
      faults: [],
      msAfterDeadline: { median: 1.25, max: 9 },
    },
  ],
  producers: {
    passed: false,
    complete: true,
    dtypes: ['bf16'],
    sizes: [2, 4],
    hidden: [2880],
    tokens: [1, 16],
    overlap: [],
    runs: [
      {
        pdl: true,
        passed: false,
        seed: 5,
        complete: true,
        seconds: 9,
        kernels: [
          {
            kernel: '@acme/fast/one',
            pdl: true,
            cases: 6,
            eager: 1200,
            graph: 1300,
            faulty: 3,
            faults: ['stale'],
          },
          {
            kernel: '@acme/fast/two',
            pdl: null,
            cases: 6,
            eager: 1,
            graph: 2,
            faulty: 0,
            faults: [],
          },
        ],
      },
    ],
  },
};

const soak: Soak = {
  ...facts,
  passed: true,
  shapes: ['a'],
  asked: 100_000,
  operations: 100_000,
  graphReplays: 33_000,
  faults: [],
  memory: [
    { operations: 10_000, hostBytes: 500 * 2 ** 20, heapBytes: 1, deviceBytes: 7 * 2 ** 20 },
    { operations: 100_000, hostBytes: 501 * 2 ** 20, heapBytes: 1, deviceBytes: 7 * 2 ** 20 },
  ],
  seconds: 321.4,
};

describe('proofs on GPUs in docs/performance.md', () => {
  it('says what was not run, and nothing else, without results', () => {
    expect(proofLines([], [])).toEqual([
      expect.stringMatching(
        /^Not run on a GPU yet.*every chain.*recovery.*behind kernels that write.*the soak/,
      ),
      '',
    ]);
  });

  it('has counts, rules, distances and refusals of each result', () => {
    const text = proofLines([proof], [soak]).join('\n');
    expect(text).toContain('5,000 of 5,000 cases agree byte by byte');
    expect(text).toContain('1,234 cases, 9,872 launches, all right.');
    expect(text).toContain('It did not finish: "f32 N=8 hidden=8192" is next.');
    expect(text).toContain('| results are right | 1,234 | 0 |');
    expect(text).toContain('| `@acme/fast/one` | norm | 1 | 1,000,000 at 0, 3 at 1 |');
    expect(text).toContain('| `@acme/fast/one` | adds bf16. | 40 |');
    expect(text).toContain('| `@acme/fast/one` | 2 | 50 of 50 | 50,000 | 0 | 1.3 | 9.0 |');
    expect(text).toContain('| `@acme/fast/one` | on | 6 | 1,200 | 1,300 | 3 |');
    expect(text).toContain('| `@acme/fast/two` | – | 6 | 1 | 2 | 0 |');
    expect(text).toContain('finds the old contents there.');
    expect(text).toContain('100,000 of 100,000 operations, 33,000 of them graph replays, in 321 s');
    expect(text).toContain(
      'Memory in MiB after 10,000 and after 100,000 operations: host 500 and 501, GPU 7 and 7.',
    );
    expect(text).not.toContain('Not run on a GPU yet');
  });

  it('says faults, and what is still missing', () => {
    const { recovery: _, ...without } = proof;
    const wrong = { ...soak, passed: false, faults: ['a', 'b'], memory: [] };
    const text = proofLines([without], [wrong]).join('\n');
    expect(text).toContain('2 wrong');
    expect(text).toMatch(/Not run on a GPU yet[^;]*: recovery from a rank that never comes \(/);
  });
});
