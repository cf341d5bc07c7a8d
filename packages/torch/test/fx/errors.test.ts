import { ArfuseError, GraphFormatError, LimitError } from '@arfuse/contract';
import { describe, expect, it } from 'vitest';
import { detectFx, type FxOptions, parseFx } from '../../src/fx/index.ts';

const HEAD = 'class GraphModule(torch.nn.Module):\n    def forward(self, x: "f32[8]"):\n';

function failure(text: string, options: FxOptions = {}): ArfuseError {
  try {
    parseFx(text, { source: 'g.py', ...options });
  } catch (error) {
    if (ArfuseError.isInstance(error)) return error;
    throw error;
  }
  throw new Error('the text was accepted');
}

describe('damaged text', () => {
  it.each([
    [
      'an undefined name',
      `${HEAD}        a = x + zz\n        return (a,)\n`,
      3,
      17,
      'the name "zz" is used before anything defines it',
    ],
    [
      'a freed name',
      `${HEAD}        a = x + x;  x = None\n        b = a + x\n        return (b,)\n`,
      4,
      17,
      'it was freed on line 3',
    ],
    [
      'a name defined twice',
      `${HEAD}        a = x + x\n        a = x * x\n        return (a,)\n`,
      4,
      9,
      'the name "a" is defined twice',
    ],
    [
      'a bracket that is never closed',
      `${HEAD}        a = torch.relu(x\n        return (a,)\n`,
      3,
      23,
      'is never closed',
    ],
    [
      'a bracket of another kind',
      `${HEAD}        a = torch.relu([x)]\n        return (a,)\n`,
      3,
      26,
      'closes the "["',
    ],
    [
      'a closing bracket too many',
      `${HEAD}        a = torch.relu(x))\n        return (a,)\n`,
      3,
      26,
      'never opened',
    ],
    [
      'a string without end',
      `${HEAD}        a = torch.ops.f.g(x, 'sum)\n        return (a,)\n`,
      3,
      30,
      'does not end',
    ],
    [
      'an annotation without end',
      `${HEAD}        a: "f32[8] = x + x\n        return (a,)\n`,
      3,
      12,
      'does not end',
    ],
    ['no return', `${HEAD}        a = x + x\n`, 3, 18, 'ends without "return"'],
    ['a return that is cut off', `${HEAD}        return (x,`, 3, 16, 'is never closed'],
    [
      'a parameter list that is cut off',
      'class A(torch.nn.Module):\n    def forward(self, x: "f32[8]"',
      2,
      16,
      'is never closed',
    ],
    [
      'a parameter that occurs twice',
      'def forward(self, x, x):\n    return (x,)\n',
      1,
      22,
      'occurs twice',
    ],
    [
      'a keyword that is given twice',
      `${HEAD}        a = torch.ops.f.g(x, k = 1, k = 2)\n        return (a,)\n`,
      3,
      41,
      'is given twice',
    ],
    [
      'a piece whose class is missing',
      `${HEAD}        a = self.submod_3(x)\n        return (a,)\n`,
      3,
      9,
      'its class is not in the text',
    ],
    [
      'an item that does not exist',
      `${HEAD}        a = (x,)\n        b = a[3]\n        return (b,)\n`,
      4,
      14,
      'item 3',
    ],
    ['an unreadable return', `${HEAD}        return [i for i in x]\n`, 3, 9, 'cannot be read'],
  ])('%s is refused with its place', (_what, text, line, column, message) => {
    const error = failure(text);
    expect(error).toBeInstanceOf(GraphFormatError);
    expect(error.message).toContain(message);
    expect(error.place).toEqual({ file: 'g.py', line, column });
    expect(error.hint).toBeTruthy();
  });

  it('refuses a call with too few or too many arguments for the sub-module', () => {
    const call = (args: string): string =>
      `class G(torch.nn.Module):\n    def forward(self, x, y):\n        a = self.m(${args})\n        return (a,)\n    class m(torch.nn.Module):\n        def forward(self, p, q):\n            return p\n`;
    expect(failure(call('x')).message).toContain('"m" takes 2 arguments, but is called with 1');
    expect(failure(call('x, y, x')).message).toContain(
      '"m" takes 2 arguments, but is called with 3',
    );
  });

  it('refuses a module that calls itself through its own class', () => {
    const deep = Array.from(
      { length: 300 },
      (_, depth) =>
        `${' '.repeat(4 * depth)}class m${depth}(torch.nn.Module):\n${' '.repeat(4 * depth)}    def forward(self, x):\n${' '.repeat(4 * depth)}        return self.m${depth + 1}(x)\n`,
    ).join('');
    expect(failure(deep)).toBeInstanceOf(LimitError);
  });

  it.each([
    ['empty text', '', 'empty'],
    ['white space', ' \n\n', 'empty'],
    ['binary data', '\0\x01\x02PK\0', 'binary'],
    ['other text', 'hello\nworld\n', 'no graph was found'],
  ])('%s holds no graph', (_what, text, message) => {
    expect(detectFx(text)).toBeNull();
    expect(failure(text).message).toContain(message);
    expect(failure(text).place).toEqual({ file: 'g.py', line: 1, column: 1 });
  });

  it('counts lines from the offset and columns behind a log prefix', () => {
    expect(
      failure(`${HEAD}        a = x + zz\n        return (a,)\n`, { lineOffset: 10 }).place?.line,
    ).toBe(13);
    const prefix = 'V0804 12:34:12.816000 123 torch/x.py:7] [0/0] [__graph_code] ';
    const logged = `noise\n${HEAD}        a = x + zz\n        return (a,)\n`
      .split('\n')
      .map((line) => prefix + line)
      .join('\n');
    expect(failure(logged).place).toEqual({ file: 'g.py', line: 4, column: 17 + prefix.length });
  });
});

describe('limits', () => {
  it.each([
    ['maxLineLength', 100, `${HEAD}        # ${'x'.repeat(200)}\n        return (x,)\n`, 3],
    [
      'maxDepth',
      20,
      `${HEAD}        a = torch.f(${'['.repeat(30)}${']'.repeat(30)})\n        return (x,)\n`,
      3,
    ],
    ['maxDepth', 20, `${HEAD}        a = ${'-'.repeat(30)}x\n        return (x,)\n`, 3],
    [
      'maxNodes',
      2,
      `${HEAD}        a = x + x\n        b = x + x\n        c = x + x\n        return (x,)\n`,
      5,
    ],
  ] as const)('%s', (limit, value, text, line) => {
    const error = failure(text, { limits: { [limit]: value } });
    expect(error).toBeInstanceOf(LimitError);
    expect(error.place?.line).toBe(line);
    expect(error.hint).toContain(`limits.${limit}`);
    expect(() => parseFx(text)).not.toThrow();
  });

  it('refuses sub-modules that double the graph at every level', () => {
    const indent = (depth: number): string => ' '.repeat(4 * depth);
    const level = (depth: number): string =>
      [
        `${indent(depth)}class m${depth}(torch.nn.Module):`,
        `${indent(depth + 1)}def forward(self, x):`,
        `${indent(depth + 2)}a = self.m${depth + 1}(x)`,
        `${indent(depth + 2)}b = self.m${depth + 1}(a)`,
        `${indent(depth + 2)}return b\n`,
      ].join('\n');
    const leaf = `${indent(40)}class m40(torch.nn.Module):\n${indent(41)}def forward(self, x):\n${indent(42)}return x\n`;
    const error = failure(Array.from({ length: 40 }, (_, depth) => level(depth)).join('') + leaf);
    expect(error).toBeInstanceOf(LimitError);
    expect(error.hint).toContain('limits.maxRatio');
  });

  it('maxBytes', () => {
    expect(failure(`${HEAD}        return (x,)\n`, { limits: { maxBytes: 10 } })).toBeInstanceOf(
      LimitError,
    );
  });

  it('reads a line of 10 MB in time', () => {
    const start = performance.now();
    const [program] = parseFx(
      `${HEAD}        # ${'File: '.repeat(1_700_000)}\n        a = torch.cat([${'x, '.repeat(500_000)}])\n        return (a,)\n`,
    );
    expect(program!.graph.nodes[0]!.args[0]).toMatchObject({ kind: 'list' });
    expect(performance.now() - start).toBeLessThan(20_000);
  });
});
