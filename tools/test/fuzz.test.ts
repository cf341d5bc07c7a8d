import { GraphFormatError, UsageError } from '@arfuse/contract';
import { describe, expect, it } from 'vitest';
import { corpus } from '../fuzz/corpus.mjs';
import { errorProblem, graphProblem } from '../fuzz/judge.mjs';
import { damaged } from '../fuzz/mutate.mjs';
import { Random } from '../fuzz/random.mjs';

describe('the fuzzer', () => {
  const seeds = corpus();

  it('starts from every fixture, and from parts that hold a program', () => {
    expect(seeds.filter(({ name }) => !/^(part|model) of/.test(name))).toHaveLength(14);
    for (const { name, bytes, kind } of seeds) {
      expect(bytes.length, name).toBeGreaterThan(20_000);
      expect(bytes.includes('all_reduce'), name).toBe(true);
      if (kind === 'json') expect(() => JSON.parse(bytes.toString()), name).not.toThrow();
    }
  });

  it('makes the same input from the same seed and case, another from another', () => {
    const make = (seed: number, index: number) =>
      damaged(seeds, new Random(seed, index)).bytes.toString('latin1');
    expect(make(7, 3)).toBe(make(7, 3));
    expect(make(7, 3)).not.toBe(make(7, 4));
    expect(make(7, 3)).not.toBe(make(8, 3));
  });

  it('leaves the fixtures as they are', () => {
    const before = seeds.map(({ bytes }) => bytes.toString('latin1'));
    for (let index = 0; index < 100; index++) damaged(seeds, new Random(1, index));
    expect(
      seeds
        .map(({ bytes }) => bytes.toString('latin1'))
        .every((text, index) => text === before[index]),
    ).toBe(true);
  });

  it('accepts typed errors that say where and what to do, and no others', () => {
    const place = { file: 'a.txt', line: 1 };
    expect(errorProblem(new GraphFormatError({ message: 'x', hint: 'y', place }))).toBeUndefined();
    expect(errorProblem(new GraphFormatError({ message: 'x', place }))).toContain('what to do');
    expect(errorProblem(new UsageError({ message: 'x', hint: 'y' }))).toContain('no file');
    expect(errorProblem(new TypeError('undefined is no function'))).toContain('untyped');
    expect(errorProblem('text')).toContain('untyped');
  });

  it('finds graphs that do not hold together', () => {
    const node = (name: string, reads: number[], outputs: number[]) => ({
      name,
      op: 'a.b',
      args: reads.map((id) => ({ kind: 'value', id })),
      kwargs: {},
      outputs,
    });
    const graph = (nodes: ReturnType<typeof node>[], outputs: number[]) =>
      ({
        inputs: [0],
        values: [0, 1, 2],
        nodes,
        outputs: outputs.map((id) => ({ kind: 'value', id })),
        subgraphs: new Map(),
      }) as unknown as Parameters<typeof graphProblem>[0];
    expect(graphProblem(graph([node('a', [0], [1]), node('b', [1], [2])], [2]))).toBeUndefined();
    expect(graphProblem(graph([node('a', [1], [2])], [2]))).toContain('before it is defined');
    expect(graphProblem(graph([node('a', [0], [1]), node('a', [0], [2])], [2]))).toContain(
      'two nodes',
    );
    expect(graphProblem(graph([node('a', [0], [9])], [0]))).toContain('does not exist');
    expect(graphProblem(graph([node('a', [0], [1])], [2]))).toContain('output');
    const raw = {
      ...node('a', [], []),
      op: 'raw',
      args: [{ kind: 'raw', text: '%x = all_reduce(y)' }],
    };
    expect(graphProblem(graph([raw as unknown as ReturnType<typeof node>], [0]))).toContain(
      'as text',
    );
  });
});
