import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { SiteClass, SiteOutput } from '@arfuse/contract';
import {
  convexClosure,
  evaluateDim,
  type Graph,
  sliceGraph,
  type Value,
  type ValueId,
} from '@arfuse/graph';
import { findSites, type Matching, type SiteMatch } from '@arfuse/patterns';
import { readGraph } from '@arfuse/torch';
import { describe, expect, it } from 'vitest';
import {
  activationRows,
  evaluateGraph,
  idealSite,
  Random,
  type RefTensor,
  reshaped,
  SimulatedRanks,
  type SiteInputs,
  scalar,
  sizeOf,
  vector,
} from '../../src/index.ts';

const OWN = fileURLToPath(new URL('../../../../fixtures/', import.meta.url));
const SHARED =
  process.env.ARFUSE_SHARED_FIXTURES ??
  fileURLToPath(new URL('../../../../../shared/fixtures/', import.meta.url));
const VLLM = `${SHARED}/vllm`;

const CAPTURE =
  /(\.(pt2|fx\.txt\.gz|exported_program\.json\.gz|py\.gz|log\.gz)|print_readable\.txt)$/;
/** Lists of patterns and generated code, which vLLM dumps beside its graphs. */
const NO_GRAPH = /\/(patterns\.|[^/]*\.kernel_\d)/;

/** Captures below a folder; logs of one compilation hold every stage of it. */
function captures(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((file) => `${folder}/${file}`)
    .filter((file) => CAPTURE.test(file) && !NO_GRAPH.test(file))
    .sort();
}

const SYMBOL = 5;

/** Sizes of a value when every symbol is {@link SYMBOL}; `fallback` where it is untyped. */
function shapeOf(
  value: Value,
  symbols: Readonly<Record<string, number>>,
  fallback: readonly number[],
): readonly number[] {
  const dims =
    value.type?.kind === 'tensor'
      ? value.type.shape.map((dim) => evaluateDim(dim, symbols))
      : [undefined];
  return dims.every((dim) => dim !== undefined) ? dims.map(Number) : fallback;
}

/** Evaluates a site's raw nodes in both modes and compares the real one with the class's real-valued function. */
function check(graph: Graph, { groups }: Matching, match: SiteMatch): string[] {
  const outputs = new Map<SiteOutput, ValueId>();
  for (const { output, value } of match.outputs)
    if (!outputs.has(output)) outputs.set(output, value);
  const slice = sliceGraph(graph, convexClosure(graph, match.covered), [...outputs.values()]);
  const symbols = Object.fromEntries([...graph.symbols.keys()].map((name) => [name, SYMBOL]));
  const rows = Number(evaluateDim(match.rows, symbols) ?? SYMBOL);
  const { hidden, dtype } = match;
  const group = groups.indexOf(match.group);
  const ranks = new SimulatedRanks(groups.map((name, i) => ({ name, size: i === group ? 2 : 1 })));
  const random = new Random(11);
  const inputs = new Map<ValueId, readonly RefTensor[]>();
  const enter = (id: ValueId, tensors: readonly RefTensor[]): void => {
    const cut = slice.values.get(id)!;
    inputs.set(
      cut,
      tensors.map((tensor) => reshaped(tensor, shapeOf(graph.value(id), symbols, tensor.shape))),
    );
  };
  const everywhere = (
    id: ValueId | undefined,
    make: (value: Value) => RefTensor,
  ): RefTensor | undefined => {
    if (id === undefined) return undefined;
    const tensor = make(graph.value(id));
    enter(
      id,
      Array.from({ length: ranks.count }, () => tensor),
    );
    return tensor;
  };
  const partials = Array.from({ length: ranks.count }, () =>
    match.inputs.partials.map(() => activationRows(dtype, rows, hidden, random, false)),
  );
  match.inputs.partials.forEach((id, i) => {
    enter(
      id,
      partials.map((of) => of[i]!),
    );
  });
  const own = (value: Value): RefTensor['dtype'] =>
    value.type?.kind === 'tensor' ? value.type.dtype : dtype;
  const optional = {
    residual: everywhere(match.inputs.residual, () =>
      activationRows(dtype, rows, hidden, random, false),
    ),
    weight: everywhere(match.inputs.weight, (value) => vector(own(value), hidden, random, 1)),
    preNormWeight: everywhere(match.inputs.preNormWeight, (value) =>
      vector(own(value), hidden, random, 1),
    ),
    bias: everywhere(match.inputs.bias, (value) => vector(own(value), hidden, random, 0)),
    scale: everywhere(match.inputs.scale, () => scalar('f32', 0.02)),
  };
  const site = {
    partials,
    ...Object.fromEntries(Object.entries(optional).filter(([, tensor]) => tensor)),
  } as SiteInputs;
  for (const id of slice.graph.inputs) {
    const value = slice.graph.value(id);
    if (inputs.has(id) || value.type?.kind !== 'tensor') continue;
    // Buffers that are overwritten: a NaN that is read would show.
    const shape = shapeOf(value, symbols, [rows, hidden]);
    const empty: RefTensor = {
      dtype: value.type.dtype,
      shape,
      data: new Float64Array(sizeOf(shape)).fill(Number.NaN),
    };
    inputs.set(
      id,
      Array.from({ length: ranks.count }, () => empty),
    );
  }
  const { stages, numerics, pattern } = match;
  const ofClass: SiteClass = {
    id: 'c0',
    pattern,
    stages,
    numerics,
    hidden,
    dtype,
    group,
    outputs: [...outputs.keys()],
  };
  const ideal = idealSite(ofClass, site, ranks);
  const real = evaluateGraph(slice.graph, { inputs, ranks, symbols, mode: 'real' });
  const rounded = evaluateGraph(slice.graph, { inputs, ranks, symbols, mode: 'dtype' });
  const wrong: string[] = [];
  for (const [output, id] of outputs) {
    const cut = slice.values.get(id)!;
    expect(
      rounded.tensors(cut)[0]!.data.some((value) => value !== 0),
      `${output} is no zero`,
    ).toBe(true);
    real.tensors(cut).forEach(({ data }, rank) => {
      const expected = ideal[rank]![output];
      if (!expected) return;
      expect(data.length).toBe(expected.data.length);
      for (let i = 0; i < data.length; i += 1) {
        // Relative, except near zero: sums over ranks may cancel.
        if (
          !(
            Math.abs(data[i]! - expected.data[i]!) <=
            1e-9 * Math.max(1, Math.abs(expected.data[i]!))
          )
        ) {
          wrong.push(
            `${output}[${i}] on rank ${rank}: ${data[i]}, the class gives ${expected.data[i]}`,
          );
          return;
        }
      }
    });
  }
  return wrong;
}

async function checkFile(file: string): Promise<number> {
  let sites = 0;
  for (const { graph } of (await readGraph(file)).programs) {
    const matching = findSites(graph);
    const seen = new Set<string>();
    for (const match of matching.sites) {
      const { stages, numerics, outputs, hidden, dtype } = match;
      const ops = match.covered.map((id) => graph.node(id).op);
      const key = JSON.stringify([
        stages,
        numerics,
        outputs.map(({ output }) => output),
        hidden,
        dtype,
        ops,
      ]);
      if (seen.has(key)) continue;
      seen.add(key);
      sites += 1;
      const wrong = check(graph, matching, match);
      if (wrong.length > 0)
        throw new Error(`${match.pattern} of ${ops.join(', ')}: ${wrong.join('; ')}`);
    }
  }
  return sites;
}

describe.each([
  ['own captures', OWN, captures(OWN), 9],
  ['vLLM captures', VLLM, captures(VLLM), 40],
] as const)('%s', (_, folder, files, least) => {
  const absent =
    folder === VLLM && files.length === 0 ? ` (skipped: no third-party captures at ${folder})` : '';
  it.skipIf(absent !== '')(
    `the raw nodes of every site are its class's function${absent}`,
    { timeout: 180_000 },
    async () => {
      expect(files.length).toBeGreaterThanOrEqual(least);
      let sites = 0;
      const failed: string[] = [];
      for (const file of files) {
        try {
          sites += await checkFile(file);
        } catch (error) {
          failed.push(
            `${file.slice(folder.length)}: ${error instanceof Error ? error.message : String(error)}`,
          );
        }
      }
      expect(failed).toEqual([]);
      expect(sites).toBeGreaterThanOrEqual(least);
    },
  );
});
