import { GraphFormatError, SpecificationVersionError } from '@arfuse/contract';
import { describe, expect, it } from 'vitest';
import { graphFromJson, graphToJson, valueArg } from '../../src/index.ts';
import { Program, tensor } from '../build/program.ts';

interface Document {
  [member: string]: Document & Document[] & string & number;
}

/** `x` and `y` are added into `n1`, the sum is changed in place by `n2`, and `x` by `n3`. */
function document(): Document {
  const p = new Program();
  const [x, y] = [p.input('x'), p.input('y')];
  p.builder.symbol({ name: 's0', min: 2, max: 64 });
  p.builder.equal({ op: 'sym', name: 's0' }, 8);
  const sum = p.node('aten.add.Tensor', [x, y], { kwargs: { alpha: { kind: 'int', value: 1 } } });
  p.effect('aten.zero_', p.builder.result(sum));
  p.effect('aten.zero_', x);
  p.builder.subgraph('body', new Program().finish());
  const graph = p.finish(valueArg(p.builder.result(sum)));
  return JSON.parse(JSON.stringify(graphToJson(graph))) as Document;
}

/** The refusal of the document after a change. */
function refusal(change: (document: Document) => unknown): {
  message: string;
  pointer: string | undefined;
} {
  const changed = document();
  change(changed);
  try {
    graphFromJson(changed, { file: 'a.json' });
  } catch (error) {
    expect(error).toBeInstanceOf(GraphFormatError);
    if (error instanceof GraphFormatError) {
      expect(error.place?.file).toBe('a.json');
      return { message: error.message, pointer: error.place?.pointer };
    }
  }
  throw new Error('the document was accepted');
}

const set =
  (at: string, value: unknown) =>
  (root: Document): void => {
    const keys = at.slice(1).split('/');
    const last = keys.pop()!;
    let target: Record<string, unknown> = root;
    for (const key of keys) target = target[key] as Record<string, unknown>;
    if (value === undefined) delete target[last];
    else target[last] = value;
  };

const nested = (depth: number, wrap: (inner: unknown) => unknown, leaf: unknown): unknown => {
  let value = leaf;
  for (let i = 0; i < depth; i += 1) value = wrap(value);
  return value;
};

it('accepts the document of these tests', () => {
  expect(graphFromJson(document()).nodes).toHaveLength(3);
});

describe('refuses', () => {
  it.each<[what: string, at: string, value: unknown, message: string, pointer?: string]>([
    ['an unknown member', '/extra', 1, 'unknown member "extra"', ''],
    ['an unknown member of a node', '/nodes/0/extra', 1, 'unknown member "extra"', '/nodes/0'],
    [
      'an unknown member of a type',
      '/values/0/type/extra',
      1,
      'unknown member "extra"',
      '/values/0/type',
    ],
    ['an unknown member of meta', '/meta/extra', 1, 'unknown member "extra"', '/meta'],
    [
      'an unknown member of a symbol',
      '/symbols/0/extra',
      1,
      'unknown member "extra"',
      '/symbols/0',
    ],
    [
      'an unknown member of an input write',
      '/inputWrites/0/extra',
      1,
      'unknown member "extra"',
      '/inputWrites/0',
    ],
    ['a missing member', '/nodes/0/op', undefined, 'member "op" is missing', '/nodes/0'],
    ['a missing list', '/values', undefined, 'member "values" is missing', ''],
    ['a list of another kind', '/nodes', {}, 'expected a list'],
    [
      'an undefined value',
      '/nodes/0/args/0/value',
      99,
      'there is no value 99; the graph has 5',
      '/nodes/0/args/0/value',
    ],
    ['a negative index', '/nodes/0/args/0/value', -1, 'expected an index of a value'],
    ['a broken index', '/outputs/0/value', 0.5, 'expected an index of a value'],
    [
      'use before definition',
      '/nodes/0/args/0/value',
      3,
      'node "n1" reads "n1__n2", which nothing defines before it',
      '/nodes/0',
    ],
    [
      'a cycle',
      '/nodes/0/args/0/value',
      2,
      'node "n1" reads "n1", which nothing defines before it',
      '/nodes/0',
    ],
    [
      'a duplicate name of values',
      '/values/1/name',
      'x',
      'the name "x" is defined twice (0 and 1)',
      '/values/1',
    ],
    [
      'a duplicate name of nodes',
      '/nodes/1/name',
      'n1',
      'the name "n1" is defined twice (0 and 1)',
      '/nodes/1',
    ],
    ['a duplicate node id', '/nodes/1/id', 0, 'node id 0 occurs twice', '/nodes/1'],
    ['two definitions', '/nodes/1/outputs/0', 2, 'value 2 ("n1") is defined twice', '/nodes/1'],
    [
      'an input that a node defines',
      '/nodes/1/outputs/0',
      0,
      'value 0 ("x") is defined twice',
      '/nodes/1',
    ],
    ['an input twice', '/inputs/1', 0, 'value 0 is an input twice', '/inputs/1'],
    ['a result as an input', '/inputs/1', 2, 'value 2 is an input and a result', '/inputs/1'],
    [
      'an output that nothing defines',
      '/nodes/1/outputs',
      [],
      'the program returns "n1__n2", which nothing defines',
      '/outputs/0',
    ],
    [
      'a write of what is no input',
      '/inputWrites/0/input',
      2,
      'value 2 ("n1") is no input',
      '/inputWrites/0/input',
    ],
    [
      'a write of what nothing defines',
      '/nodes/2/outputs',
      [],
      'nothing defines "x__n3"',
      '/inputWrites/0/value',
    ],
    [
      'a value that is removed and defined',
      '/values/2/removed',
      9,
      'value "n1" was not removed',
      '/values/2',
    ],
    [
      'a symbol twice',
      '/symbols/1',
      { name: 's0', min: null, max: null },
      'the symbol "s0" is given twice',
      '/symbols/1',
    ],
    [
      'a sub-graph twice',
      '/subgraphs/1',
      { name: 'body' },
      'the sub-graph "body" is given twice',
      '/subgraphs/1',
    ],
    ['another level', '/meta/level', 'fx', 'expected one of dynamo, aten', '/meta/level'],
    [
      'another dtype',
      '/values/0/type/dtype',
      'int8',
      'expected one of bf16',
      '/values/0/type/dtype',
    ],
    ['a broken big integer', '/symbols/0/max', '12x', 'expected an integer', '/symbols/0/max'],
    [
      'an endless big integer',
      '/symbols/0/max',
      '9'.repeat(4001),
      'at most 4000 digits',
      '/symbols/0/max',
    ],
    [
      'an integer that has lost digits',
      '/symbols/0/max',
      2 ** 60,
      'expected an integer',
      '/symbols/0/max',
    ],
    [
      'a float as a dimension',
      '/values/0/type/shape/0',
      0.5,
      'expected an integer',
      '/values/0/type/shape/0',
    ],
    [
      'an unknown kind of argument',
      '/nodes/0/args/0',
      { tensor: 1 },
      'unknown kind of argument "tensor"',
      '/nodes/0/args/0',
    ],
    [
      'an argument of two kinds',
      '/nodes/0/args/0',
      { int: 1, bool: true },
      'expected an object with one member',
      '/nodes/0/args/0',
    ],
    ['a false none', '/nodes/0/args/0', { none: false }, 'expected true', '/nodes/0/args/0/none'],
    [
      'a keyword twice',
      '/nodes/0/kwargs/1',
      ['alpha', { int: 2 }],
      'keyword "alpha" is given twice',
      '/nodes/0/kwargs/1',
    ],
    [
      'an unknown operator',
      '/values/0/type/shape/0',
      { op: 'sub', args: [1, 2] },
      'expected one of add',
      '/values/0/type/shape/0/op',
    ],
    [
      'an operator as a function',
      '/values/0/type/shape/0',
      { fn: 'add', args: [1, 2] },
      '"add" is an operator',
      '/values/0/type/shape/0/fn',
    ],
    [
      'an operator without operands',
      '/values/0/type/shape/0',
      { op: 'min', args: [] },
      'at least 1 operands',
      '/values/0/type/shape/0/args',
    ],
    [
      'a division by two',
      '/values/0/type/shape/0',
      { op: 'mod', args: [1, 2, 3] },
      'expected 2 items, found 3',
      '/values/0/type/shape/0/args',
    ],
    [
      'a float that is not written canonically',
      '/values/0/type/shape/0',
      { float: '0.50' },
      '"0.50" is no canonical float',
    ],
    [
      'a value that is result and state',
      '/values/3/result',
      0,
      'either a result or a state',
      '/values/3',
    ],
    [
      'a dimension that is nested too deep',
      '/values/0/type/shape/0',
      nested(101, (dim) => ({ op: 'floordiv', args: [dim, { sym: 's' }] }), { sym: 's' }),
      'at most 100 levels',
    ],
    [
      'an argument that is nested too deep',
      '/nodes/0/args/0',
      nested(201, (arg) => ({ list: [arg] }), { none: true }),
      'nested deeper than 200 levels',
    ],
  ])('%s', (_, at, value, message, pointer) => {
    const found = refusal(set(at, value));
    expect(found.message).toContain(message);
    if (pointer !== undefined) expect(found.pointer ?? '').toBe(pointer);
    else expect(found.pointer).toMatch(new RegExp(`^${at}`));
  });

  it('sub-graphs that are nested too deep', () => {
    const { format, specificationVersion, ...parts } = document();
    const inner = (graph: unknown): unknown => ({ ...parts, name: 'body', subgraphs: [graph] });
    const innermost = { ...parts, name: 'body' };
    const { message } = refusal(set('/subgraphs/0', nested(201, inner, innermost)));
    expect(message).toContain('nested deeper than 200 levels');
  });

  it('another format and another version', () => {
    expect(refusal(set('/format', 'arfuse.plan')).message).toContain(
      'expected "format": "arfuse.graph"',
    );
    const next = { ...document(), specificationVersion: 2 };
    expect(() => graphFromJson(next)).toThrow(SpecificationVersionError);
    expect(() => graphFromJson([])).toThrow(GraphFormatError);
  });

  it('escapes pointers', () => {
    const p = new Program();
    p.builder.input('x', tensor());
    const changed = JSON.parse(JSON.stringify(graphToJson(p.finish()))) as Document;
    set('/meta/labels', { 'a/b~c': 1 })(changed);
    expect(() => graphFromJson(changed)).toThrow(
      expect.objectContaining({ place: { pointer: '/meta/labels/a~1b~0c' } }),
    );
  });
});
