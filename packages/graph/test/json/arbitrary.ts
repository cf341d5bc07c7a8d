import { DTYPES } from '@arfuse/contract';
import fc from 'fast-check';
import {
  type Arg,
  type Graph,
  GraphBuilder,
  type GraphMeta,
  type ValueId,
  type ValueType,
} from '../../src/index.ts';
import { dims } from '../dim/arbitrary.ts';

const text = fc.oneof(
  fc.string({ maxLength: 6 }),
  fc.constantFrom('__proto__', 'constructor', '"/~', '\u0000', 'ü'),
);
const integer = fc.oneof(
  fc.integer(),
  fc.bigInt({ min: -(2n ** 90n), max: 2n ** 90n }).filter((n) => n > 2n ** 53n || n < -(2n ** 53n)),
);

export const types: fc.Arbitrary<ValueType> = fc.oneof(
  fc.record(
    {
      kind: fc.constant('tensor' as const),
      dtype: fc.constantFrom(...DTYPES),
      shape: fc.array(dims, { maxLength: 3 }),
      strides: fc.array(dims, { maxLength: 3 }),
      device: text,
      wrapper: text,
    },
    { requiredKeys: ['kind', 'dtype', 'shape'] },
  ),
  fc.record({
    kind: fc.constant('sym' as const),
    scalar: fc.constantFrom('int' as const, 'float' as const, 'bool' as const),
    expr: dims,
  }),
  fc.constant({ kind: 'list' as const }),
  fc.record({ kind: fc.constant('opaque' as const), text }),
);

/** Arguments of every kind over some values. */
export function args(values: readonly ValueId[]): fc.Arbitrary<Arg> {
  const value =
    values.length === 0
      ? fc.constant({ kind: 'none' as const })
      : fc.constantFrom(...values).map((id) => ({ kind: 'value' as const, id }));
  return fc.letrec<{ arg: Arg }>((tie) => ({
    arg: fc.oneof(
      { maxDepth: 3 },
      value,
      integer.map((n) => ({ kind: 'int' as const, value: n })),
      fc.double().map((n) => ({ kind: 'float' as const, value: n })),
      fc.boolean().map((b) => ({ kind: 'bool' as const, value: b })),
      fc.constantFrom({ kind: 'none' as const }, { kind: 'ellipsis' as const }),
      fc.constantFrom(...DTYPES).map((dtype) => ({ kind: 'dtype' as const, value: dtype })),
      fc
        .tuple(fc.constantFrom('string' as const, 'device' as const), text)
        .map(([kind, s]) => ({ kind, value: s })),
      fc
        .tuple(fc.constantFrom('op' as const, 'graph' as const), text)
        .map(([kind, name]) => ({ kind, name })),
      fc.tuple(text, text).map(([type, v]) => ({ kind: 'enum' as const, type, value: v })),
      dims.map((dim) => ({ kind: 'dim' as const, dim })),
      fc.tuple(fc.double(), fc.double()).map(([re, im]) => ({ kind: 'complex' as const, re, im })),
      text.map((raw) => ({ kind: 'raw' as const, text: raw })),
      fc
        .tuple(
          fc.constantFrom('list' as const, 'tuple' as const),
          fc.array(tie('arg'), { maxLength: 3 }),
        )
        .map(([kind, items]) => ({ kind, items })),
      fc
        .array(fc.tuple(tie('arg'), tie('arg')), { maxLength: 2 })
        .map((entries) => ({ kind: 'dict' as const, entries })),
      fc
        .tuple(tie('arg'), tie('arg'), tie('arg'))
        .map(([start, stop, step]) => ({ kind: 'slice' as const, start, stop, step })),
    ),
  })).arg;
}

const OPS = [
  'aten.add.Tensor',
  'aten.add_',
  'aten.view',
  '_C.fused_add_rms_norm',
  'my.op',
  'aten.split',
];

const metas: fc.Arbitrary<GraphMeta> = fc.record(
  {
    format: text,
    level: fc.constantFrom('aten' as const, 'vllm' as const),
    source: text,
    name: text,
    producers: fc.dictionary(text, text, { maxKeys: 2 }),
    rank: fc.nat(64),
    groupSizes: fc.dictionary(text, fc.nat(64), { maxKeys: 2 }),
    labels: fc.dictionary(text, text, { maxKeys: 2 }),
    warnings: fc.array(text, { maxLength: 2 }),
  },
  { requiredKeys: ['format', 'level'] },
);

/** Graphs with in-place changes, views, tuples, wrappers, symbols and sub-graphs. */
export const graphs: fc.Arbitrary<Graph> = fc.gen().map((gen) => build(gen, 1));

function build(gen: fc.GeneratorValue, depth: number): Graph {
  const builder = new GraphBuilder(gen(() => metas));
  const values: ValueId[] = [];
  const count = (max: number): number => gen(fc.nat, max);
  const some = <T>(arbitrary: fc.Arbitrary<T>): T => gen(() => arbitrary);
  const optionalType = (): ValueType | null => some(fc.option(types));
  const bound = fc.option(integer);
  for (let i = count(3); i > 0; i -= 1) {
    const [min, max] = [some(bound), some(bound)];
    builder.symbol({
      name: some(text),
      min,
      max,
      ...(gen(fc.boolean) ? { hint: some(integer) } : {}),
    });
  }
  for (let i = count(2); i > 0; i -= 1) builder.equal(some(dims), some(dims));
  for (let i = count(4); i > 0; i -= 1) values.push(builder.input(`i${i}`, optionalType()));
  for (let i = count(8); i > 0; i -= 1) {
    const results = some(fc.constantFrom('one' as const, 'none' as const, 'many' as const));
    const node = builder.node({
      name: `n${i}`,
      op: some(fc.constantFrom(...OPS)),
      args: some(fc.array(args(values), { maxLength: 3 })),
      kwargs: Object.fromEntries(some(fc.array(fc.tuple(text, args(values)), { maxLength: 2 }))),
      provenance: some(
        fc.record(
          { line: fc.nat(), pointer: text, path: text, module: text, stack: text },
          { requiredKeys: [] },
        ),
      ),
      ...(gen(fc.boolean)
        ? {}
        : {
            wrapper: some(
              fc.constantFrom('auto_functionalized' as const, 'auto_functionalized_v2' as const),
            ),
          }),
      results: results === 'one' ? { kind: results, type: optionalType() } : { kind: results },
    });
    if (results === 'one') values.push(builder.result(node));
    if (results === 'many')
      for (let item = count(2); item > 0; item -= 1)
        values.push(builder.item(node, item, `n${i}_${item}`, optionalType()));
  }
  if (depth > 0 && gen(fc.boolean)) builder.subgraph(some(text), build(gen, depth - 1));
  builder.output(some(fc.array(args(values), { maxLength: 3 })));
  return builder.finish();
}
