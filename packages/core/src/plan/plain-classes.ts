import { isIoDType, type NumericsRecord, type PlainClass } from '@arfuse/contract';
import { type Arg, type Graph, lastDim, type Node } from '@arfuse/graph';
import type { Matching } from '@arfuse/patterns';

/** Plain all-reduces with equal attributes. */
export interface PlainGroup {
  readonly class: PlainClass;
  readonly allReduces: readonly string[];
}

const OTHER_REDUCTIONS: ReadonlySet<string> = new Set([
  'max',
  'min',
  'avg',
  'mean',
  'product',
  'prod',
  'band',
  'bor',
  'bxor',
  'premul_sum',
]);

/** What an all-reduce alone computes, as far as a graph says. */
export const plainNumerics: NumericsRecord = {
  accumulate: 'unspecified',
  reduceOrder: 'unspecified',
  hopRounding: 'unspecified',
  allReduceRounded: true,
  normInput: 'rounded',
  weightMultiply: 'after',
  weightBias: 0,
  weightDtype: null,
  preNormWeightMultiply: null,
  quantInput: null,
  scaleFloor: null,
  scaleForm: null,
  scaleLayout: null,
  nan: 'propagate',
  geometryInvariant: true,
  mergedPartials: false,
};

const argumentsOf = (node: Node): readonly Arg[] => [...node.args, ...Object.values(node.kwargs)];

/** Hidden size and dtype of the first tensor that a node reads, when it is rows of a floating type. */
function activation(graph: Graph, node: Node): Pick<PlainClass, 'hidden' | 'dtype'> | undefined {
  for (const arg of argumentsOf(node)) {
    if (arg.kind !== 'value') continue;
    const { type } = graph.value(arg.id);
    if (type?.kind !== 'tensor') continue;
    const hidden = lastDim(type);
    if (hidden === undefined || hidden < 1 || type.shape.length < 2 || !isIoDType(type.dtype))
      return undefined;
    return { hidden, dtype: type.dtype };
  }
  return undefined;
}

/**
 * The plain all-reduces whose shape, dtype and group the capture tells, by equal attributes, in program order.
 * Reductions other than sums are left out.
 */
export function plainClasses(
  graph: Graph,
  matching: Matching,
  groups: readonly string[],
): PlainGroup[] {
  const found = new Map<string, { class: PlainClass; allReduces: string[] }>();
  for (const { allReduce } of matching.misses) {
    const node = graph.node(allReduce);
    const strings = argumentsOf(node).flatMap((arg) => (arg.kind === 'string' ? [arg.value] : []));
    if (strings.some((text) => OTHER_REDUCTIONS.has(text.toLowerCase()))) continue;
    const named = strings.find((text) => groups.includes(text));
    const group = named === undefined ? (groups.length === 1 ? 0 : -1) : groups.indexOf(named);
    const shape = activation(graph, node);
    if (!shape || group < 0) continue;
    const key = `${group} ${shape.hidden} ${shape.dtype}`;
    const known = found.get(key);
    if (known) known.allReduces.push(node.name);
    else {
      found.set(key, {
        class: {
          id: `p${found.size}`,
          pattern: 'all_reduce',
          stages: [{ kind: 'all_reduce' }],
          outputs: ['all_reduce'],
          ...shape,
          group,
          numerics: plainNumerics,
        },
        allReduces: [node.name],
      });
    }
  }
  return [...found.values()];
}
