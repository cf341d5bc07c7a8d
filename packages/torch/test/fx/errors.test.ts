import { ArfuseError, GraphFormatError, LimitError } from '@arfuse/contract';
import { graphFromJson, printGraph } from '@arfuse/graph';
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
    [
      'a line of print(graph) text',
      `${HEAD}        a = x + x\n        %b : [num_users=1] = call_function[target=torch.ops.aten.relu.default](args = (%a,), kwargs = {})\n        return (a,)\n`,
      4,
      9,
      'a line of another text format stands in the code: %b : [num_users=1]',
    ],
    [
      'an unknown statement that may hide a collective',
      `${HEAD}        a = [torch.ops.vllm.all_reduce(i, 'tp:0') for i in x]\n        return (a,)\n`,
      3,
      9,
      'may hide a collective',
    ],
    [
      'an unknown statement that assigns what was a collective',
      `${HEAD}        all_reduce_1: "f32[8]" = x for\n        return (all_reduce_1,)\n`,
      3,
      9,
      'may hide a collective',
    ],
    [
      'an unknown statement that calls a printed sub-module',
      `${HEAD}        a = [self.m(i) for i in x]\n        return (a,)\n    class m(torch.nn.Module):\n        def forward(self, x):\n            return x\n`,
      3,
      9,
      'names the sub-module "m"',
    ],
    [
      'an unknown statement that names a sub-graph',
      `${HEAD}        g = self.m\n        a = [g(i) for i in x]\n        return (a,)\n    class m(torch.nn.Module):\n        def forward(self, x):\n            return x\n`,
      4,
      9,
      'names the sub-module "g"',
    ],
    [
      'a condition',
      `${HEAD}        if x is not None:\n            a = x + x\n        return (x,)\n`,
      3,
      9,
      'FX prints no such block: if x is not None:',
    ],
    [
      'a function in the body',
      `${HEAD}        def f(y):\n            return y\n        return (x,)\n`,
      3,
      9,
      'FX prints no such block',
    ],
    [
      'a character that Python does not have',
      `${HEAD}        a = torch.ops.vllm.all_re$uce(x)\n        return (a,)\n`,
      3,
      34,
      '"$" cannot stand here',
    ],
    [
      'a statement after the return',
      `${HEAD}        return (x,)\n        # a comment\n\n        a = x + x\n`,
      6,
      9,
      'a statement follows "return": a = x + x',
    ],
    [
      'a second return',
      `${HEAD}        return (x,)\n        return (x, x)\n`,
      4,
      9,
      'a statement follows "return"',
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
  const body = (expression: string): string =>
    `${HEAD}        a = x.view(${expression})\n        return (a,)\n`;

  it.each([
    ['remainders', `s9${'%7%s9'.repeat(50_000)}`],
    ['divisions', `s9${'//s8'.repeat(50_000)}`],
    ['signs and remainders', `${'-(s9 % '.repeat(80)}s9${')'.repeat(80)}`],
    ['levels just beyond the limit', `s9${'%s8'.repeat(100)}`],
  ])('a symbolic expression of too many %s is refused', (_what, expression) => {
    const error = failure(body(expression));
    expect(error).toBeInstanceOf(GraphFormatError);
    expect(error.message).toContain('the symbolic expression is too deep or too long');
    expect(error.place?.line).toBe(3);
  });

  it('a symbolic expression of many levels survives being written', () => {
    const [program] = parseFx(body(`s9${'%s8'.repeat(99)}`));
    expect(printGraph(graphFromJson(JSON.parse(printGraph(program!.graph))))).toBe(
      printGraph(program!.graph),
    );
  });

  it('a symbolic expression that doubles with every statement is refused', () => {
    const lines = Array.from({ length: 60 }, (_, i) => `        d${i + 1} = d${i} % (d${i} + 1)\n`);
    const error = failure(`${HEAD}        d0 = s9 % s8\n${lines.join('')}        return (x,)\n`);
    expect(error.message).toContain('the symbolic expression is too deep or too long');
  });

  it('keeps a type of too many wrappers as text, in time', () => {
    const [program] = parseFx(
      `${HEAD}        a: "${'f('.repeat(50_000)}f32[8]${')'.repeat(50_000)}" = x + x\n        return (a,)\n`,
    );
    const { graph } = program!;
    expect(graph.value(graph.nodes[0]!.outputs[0]!).type?.kind).toBe('opaque');
  });

  it('constructors in print(graph) text count as brackets', () => {
    const error = failure(
      `graph():\n    %x : [num_users=1] = placeholder[target=x]\n    %a : [num_users=1] = call_function[target=f](args = (%x, ${'slice('.repeat(50_000)}1${')'.repeat(50_000)}), kwargs = {})\n    return (a,)\n`,
    );
    expect(error).toBeInstanceOf(LimitError);
    expect(error.hint).toContain('limits.maxDepth');
  });

  it.each([
    ['code', body('9'.repeat(3001))],
    ['code, in hexadecimal', body(`0x${'9'.repeat(3001)}`)],
    [
      'print(graph) text',
      `graph():\n    %x : [num_users=1] = placeholder[target=x]\n    %a : [num_users=1] = call_function[target=f](args = (%x, ${'9'.repeat(3001)}), kwargs = {})\n    return (a,)\n`,
    ],
  ])('an integer of more than 3000 digits is refused in %s', (_what, text) => {
    expect(failure(text)).toBeInstanceOf(GraphFormatError);
    expect(failure(text).message).toContain('digits');
  });

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
