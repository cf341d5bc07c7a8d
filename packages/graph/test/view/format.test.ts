import { describe, expect, it } from 'vitest';
import {
  type Arg,
  formatArg,
  formatGraph,
  formatNode,
  formatRewrite,
  formatType,
  type Graph,
  GraphEditor,
  parseDim,
  valueArg,
} from '../../src/index.ts';
import { Program, tensor } from '../build/program.ts';

const string = (value: string): Arg => ({ kind: 'string', value });

describe('formatArg', () => {
  const graph = new Program().finish();
  it.each<[Arg, string]>([
    [{ kind: 'int', value: 2n ** 60n }, '1152921504606846976'],
    [{ kind: 'float', value: 1e-5 }, '0.00001'],
    [{ kind: 'float', value: 2 }, '2.0'],
    [{ kind: 'float', value: -0 }, '-0.0'],
    [{ kind: 'float', value: 1e300 }, '1e+300'],
    [{ kind: 'float', value: Number.NEGATIVE_INFINITY }, '-inf'],
    [{ kind: 'float', value: Number.NaN }, 'nan'],
    [{ kind: 'bool', value: true }, 'True'],
    [string('a"b'), '"a\\"b"'],
    [{ kind: 'none' }, 'None'],
    [{ kind: 'ellipsis' }, '...'],
    [{ kind: 'dtype', value: 'bf16' }, 'bf16'],
    [{ kind: 'device', value: 'cuda:0' }, 'cuda:0'],
    [{ kind: 'enum', type: 'layout', value: 'strided' }, 'layout.strided'],
    [{ kind: 'list', items: [{ kind: 'int', value: 1 }, { kind: 'none' }] }, '[1, None]'],
    [{ kind: 'tuple', items: [{ kind: 'int', value: 1 }] }, '(1,)'],
    [{ kind: 'dict', entries: [[string('a'), { kind: 'bool', value: false }]] }, '{"a": False}'],
    [
      {
        kind: 'slice',
        start: { kind: 'none' },
        stop: { kind: 'int', value: 4 },
        step: { kind: 'none' },
      },
      'slice(None, 4, None)',
    ],
    [{ kind: 'op', name: 'aten.add' }, 'aten.add'],
    [{ kind: 'graph', name: 'body' }, 'body'],
    [{ kind: 'dim', dim: parseDim('8*s0') }, '8*s0'],
    [{ kind: 'complex', re: 0, im: 1 }, 'complex(0.0, 1.0)'],
    [{ kind: 'raw', text: 'f(x)' }, 'f(x)'],
  ])('%o', (arg, text) => {
    expect(formatArg(graph, arg)).toBe(text);
  });
});

it('formatType', () => {
  expect(formatType(null)).toBe('');
  expect(formatType(tensor('s0, 8*s1, 4'))).toBe('bf16[s0, 8*s1, 4]');
  expect(formatType({ kind: 'sym', scalar: 'int', expr: parseDim('s0//2') })).toBe('Sym((s0//2))');
  expect(formatType({ kind: 'list' })).toBe('tuple');
  expect(formatType({ kind: 'opaque', text: 'ProcessGroup' })).toBe('ProcessGroup');
});

it('formatNode lets no control character through', () => {
  const p = new Program();
  const node = p.node('my.op', [{ kind: 'raw', text: '\u001b[31mred\nnext' }], {
    results: { kind: 'none' },
  });
  expect(formatNode(p.finish(), p.builder.finish().node(node))).toBe(
    'n1 = my.op(\\u001b[31mred\\u000anext)',
  );
});

it('formatGraph', () => {
  const p = new Program();
  p.builder.symbol({ name: 's0', min: 2, max: null, hint: 16 });
  const [x, residual, weight] = [
    p.input('x'),
    p.input('residual'),
    p.builder.input('weight', null),
  ];
  p.effect('_C.fused_add_rms_norm', x, residual, weight, { kind: 'float', value: 1e-6 });
  const split = p.node('aten.split', [x], {
    kwargs: { dim: { kind: 'int', value: -1 } },
    results: { kind: 'many' },
  });
  const item = p.builder.item(split, 0, 'item', tensor('s0, 4'));
  p.node('my.out', [], {
    kwargs: { out: valueArg(item) },
    wrapper: 'auto_functionalized',
    results: { kind: 'many' },
  });
  p.builder.subgraph('body', new Program().finish());
  expect(formatGraph(p.finish(item, { kind: 'none' }))).toMatchInlineSnapshot(`
    "symbol s0 in [2, inf], 16 when captured
    input x: bf16[s0, 8]
    input residual: bf16[s0, 8]
    input weight
    x__n1 (was x): bf16[s0, 8], residual__n1 (was residual): bf16[s0, 8] = _C.fused_add_rms_norm(x, residual, weight, 0.000001)
    item: bf16[s0, 4] = aten.split(x__n1, dim=-1)
    n3 = auto_functionalized: my.out(out=item)
    return item, None
    leaves x__n1 in x
    leaves residual__n1 in residual

    graph body:
      return
    "
  `);
});

describe('formatRewrite', () => {
  /** Two layers: all-reduce, add of the residual, norm; the sum of one is the residual of the next. */
  function layers(): { before: Graph; after: Graph } {
    const p = new Program();
    const [a, b, residual, weight] = [
      p.input('a'),
      p.input('b'),
      p.input('residual'),
      p.input('weight'),
    ];
    const layer = (name: string, x: number, r: number): readonly [sum: number, norm: number] => {
      const reduced = p.builder.result(
        p.node('vllm.all_reduce', [x, string('tp:0')], { name: `${name}_ar` }),
      );
      const sum = p.builder.result(
        p.node('aten.add.Tensor', [reduced, r], { name: `${name}_add` }),
      );
      return [
        sum,
        p.builder.result(p.node('vllm_ir.rms_norm', [sum, weight], { name: `${name}_norm` })),
      ];
    };
    const [sum1, norm1] = layer('one', a, residual);
    const mm = p.call('aten.mm', norm1, b);
    const [sum2, norm2] = layer('two', mm, sum1);
    p.node('aten._assert_async', [a], { name: 'check', results: { kind: 'none' } });
    const before = p.finish(norm2, sum2);
    const editor = new GraphEditor(before);
    const fuse = (
      anchor: number,
      name: string,
      x: number,
      r: number,
      norm: number,
      sum: number,
    ): void => {
      const { values } = editor.addNode(
        {
          name,
          op: 'flashinfer.allreduce_fusion',
          args: [x, r, weight].map(valueArg),
          outputs: [`${name}_norm`, `${name}_sum`].map((output) => ({
            name: output,
            type: tensor(),
          })),
        },
        anchor,
      );
      editor.replaceUses(norm, values[0]!);
      editor.replaceUses(sum, values[1]!);
    };
    fuse(0, 'fused1', a, residual, norm1, sum1);
    fuse(4, 'fused2', mm, sum1, norm2, sum2);
    for (const id of [0, 1, 2, 4, 5, 6, 7]) editor.removeNode(id);
    return { before, after: editor.finish() };
  }

  it('shows both sides of every replacement', () => {
    const { before, after } = layers();
    expect(formatRewrite(before, after)).toMatchInlineSnapshot(`
      "one_ar, one_add, one_norm → fused1
        - one_ar: bf16[s0, 8] = vllm.all_reduce(a, "tp:0")
        - one_add: bf16[s0, 8] = aten.add.Tensor(one_ar, residual)
        - one_norm: bf16[s0, 8] = vllm_ir.rms_norm(one_add, weight)
        + fused1_norm: bf16[s0, 8], fused1_sum: bf16[s0, 8] = flashinfer.allreduce_fusion(a, residual, weight)

      two_ar, two_add, two_norm → fused2
        - two_ar: bf16[s0, 8] = vllm.all_reduce(n4, "tp:0")
        - two_add: bf16[s0, 8] = aten.add.Tensor(two_ar, one_add)
        - two_norm: bf16[s0, 8] = vllm_ir.rms_norm(two_add, weight)
        + fused2_norm: bf16[s0, 8], fused2_sum: bf16[s0, 8] = flashinfer.allreduce_fusion(n4, fused1_sum, weight)

      check → nothing
        - check = aten._assert_async(a)
      "
    `);
  });

  it('puts an inserted node with the one that reads it, and shows what was only added or removed', () => {
    const p = new Program();
    const x = p.input('x');
    const old = p.call('aten.relu', x);
    const unused = p.node('aten.neg', [x]);
    const graph = p.finish(old);
    const editor = new GraphEditor(graph);
    const one = (name: string, from: number): number =>
      editor.addNode(
        { name, op: `my.${name}`, args: [valueArg(from)], outputs: [{ name, type: null }] },
        0,
      ).values[0]!;
    const last = one('second', one('first', x));
    editor.replaceUses(old, last);
    editor.removeNode(0);
    editor.removeNode(unused);
    editor.addNode({ name: 'extra', op: 'my.extra', args: [], outputs: [] });
    expect(formatRewrite(graph, editor.finish())).toMatchInlineSnapshot(`
      "n1 → first, second
        - n1: bf16[s0, 8] = aten.relu(x)
        + first = my.first(x)
        + second = my.second(first)

      nothing → extra
        + extra = my.extra()

      n2 → nothing
        - n2: bf16[s0, 8] = aten.neg(x)
      "
    `);
  });

  it('is empty when nothing changed', () => {
    const { before } = layers();
    expect(formatRewrite(before, new GraphEditor(before).finish())).toBe('');
  });
});
