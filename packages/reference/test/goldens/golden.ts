import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { type DType, itemsize } from '@arfuse/contract';
import { type Arg, GraphBuilder, NONE, type ValueId, valueArg } from '@arfuse/graph';
import {
  evaluateGraph,
  fromBits,
  type RefTensor,
  SimulatedRanks,
  sizeOf,
} from '../../src/index.ts';

interface StoredTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Storage bytes, little-endian, in base64. */
  readonly data: string;
}

/** An argument as `make_goldens.py` tags it. */
type StoredArg =
  | { readonly t: number }
  | { readonly i: number }
  | { readonly f: string }
  | { readonly b: boolean }
  | { readonly n: 0 }
  | { readonly e: 0 }
  | { readonly dt: DType }
  | { readonly str: string }
  | { readonly l: readonly StoredArg[] }
  | { readonly s: readonly [StoredArg, StoredArg, StoredArg] };

export interface GoldenCase {
  readonly op: string;
  readonly args: readonly StoredArg[];
  readonly kwargs?: Readonly<Record<string, StoredArg>>;
  /** The first argument is every pattern of this 16-bit type, and is not stored. */
  readonly sweep?: DType;
  readonly results: readonly (number | null)[];
  readonly states?: readonly (readonly [key: number | string, tensor: number])[];
  /** Allowed distance; 0 when left out. */
  readonly ulp?: number;
  /** Whether +0 and -0 may stand for each other. */
  readonly zeros?: boolean;
}

export interface Goldens {
  readonly torch: string;
  readonly cases: readonly GoldenCase[];
  tensor(index: number): RefTensor;
}

/** What the evaluator gave for a case. */
export interface Evaluated {
  readonly results: readonly RefTensor[];
  readonly states: readonly RefTensor[];
}

const INTEGERS: Readonly<Partial<Record<DType, (view: DataView, at: number) => number>>> = {
  f64: (view, at) => view.getFloat64(at, true),
  i8: (view, at) => view.getInt8(at),
  u8: (view, at) => view.getUint8(at),
  b8: (view, at) => view.getUint8(at),
  i16: (view, at) => view.getInt16(at, true),
  i32: (view, at) => view.getInt32(at, true),
  i64: (view, at) => Number(view.getBigInt64(at, true)),
};

function decode({ dtype, shape, data }: StoredTensor): RefTensor {
  const bytes = Buffer.from(data, 'base64');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const width = itemsize(dtype);
  const integer = INTEGERS[dtype];
  const values = new Float64Array(sizeOf(shape));
  for (let i = 0; i < values.length; i += 1) {
    const at = i * width;
    if (integer) values[i] = integer(view, at);
    else
      values[i] = fromBits(
        dtype,
        width === 1
          ? view.getUint8(at)
          : width === 2
            ? view.getUint16(at, true)
            : view.getUint32(at, true),
      );
  }
  return { dtype, shape, data: values };
}

/** Every value of a 16-bit type, by pattern. */
export function everyPattern(dtype: DType): RefTensor {
  return {
    dtype,
    shape: [65536],
    data: Float64Array.from({ length: 65536 }, (_, code) => fromBits(dtype, code)),
  };
}

export function readGoldens(name: string): Goldens {
  const text = gunzipSync(readFileSync(new URL(name, import.meta.url))).toString();
  const document = JSON.parse(text) as {
    torch: string;
    tensors: StoredTensor[];
    cases: GoldenCase[];
  };
  return {
    torch: document.torch,
    cases: document.cases,
    tensor: (index) => decode(document.tensors[index]!),
  };
}

/** Evaluates one case as a graph of one node on one rank. */
export function evaluateCase(golden: GoldenCase, tensor: (index: number) => RefTensor): Evaluated {
  const builder = new GraphBuilder({ format: 'arfuse', level: 'unknown' });
  const inputs = new Map<ValueId, RefTensor[]>();
  const input = (value: RefTensor): Arg => {
    const id = builder.input(`x${inputs.size}`, {
      kind: 'tensor',
      dtype: value.dtype,
      shape: value.shape,
    });
    inputs.set(id, [value]);
    return valueArg(id);
  };
  const argument = (arg: StoredArg): Arg => {
    if ('t' in arg) return input(tensor(arg.t));
    if ('i' in arg) return { kind: 'int', value: arg.i };
    if ('f' in arg)
      return {
        kind: 'float',
        value:
          arg.f === 'inf'
            ? Number.POSITIVE_INFINITY
            : arg.f === '-inf'
              ? Number.NEGATIVE_INFINITY
              : Number(arg.f),
      };
    if ('b' in arg) return { kind: 'bool', value: arg.b };
    if ('dt' in arg) return { kind: 'dtype', value: arg.dt };
    if ('str' in arg) return { kind: 'string', value: arg.str };
    if ('l' in arg) return { kind: 'list', items: arg.l.map(argument) };
    if ('s' in arg)
      return {
        kind: 'slice',
        start: argument(arg.s[0]),
        stop: argument(arg.s[1]),
        step: argument(arg.s[2]),
      };
    return 'e' in arg ? { kind: 'ellipsis' } : NONE;
  };
  const args = golden.args.map(argument);
  if (golden.sweep) args.unshift(input(everyPattern(golden.sweep)));
  const kwargs = Object.fromEntries(
    Object.entries(golden.kwargs ?? {}).map(([key, arg]) => [key, argument(arg)]),
  );
  const tuple = TUPLES.has(golden.op);
  const node = builder.node({
    name: 'y',
    op: golden.op,
    args,
    kwargs,
    results: tuple ? { kind: 'many' } : { kind: 'one', type: null },
  });
  const outputs = tuple
    ? golden.results.map((_, index) => builder.item(node, index, `y_${index}`, null))
    : [builder.read(builder.result(node))];
  builder.output(outputs.map(valueArg));
  const graph = builder.finish();
  const ranks = new SimulatedRanks([{ name: '', size: 1 }]);
  const evaluation = evaluateGraph(graph, { inputs, ranks, symbols: {}, mode: 'dtype' });
  const states = (golden.states ?? []).map(([key]) => {
    const state = graph.written(graph.nodes[0]!, key);
    if (!state) throw new Error(`${golden.op} leaves no state of argument ${key}`);
    return evaluation.tensors(state.id)[0]!;
  });
  return { results: outputs.map((id) => evaluation.tensors(id)[0]!), states };
}

/** Ops that give a tuple. */
const TUPLES: ReadonlySet<string> = new Set([
  'aten.max.dim',
  'aten._fused_rms_norm.default',
  'vllm_ir.fused_add_rms_norm.default',
]);
