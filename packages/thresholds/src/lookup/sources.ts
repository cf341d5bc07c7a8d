import { differences, sameBox, standIn } from './match.ts';
import type { EvidenceContext } from './query.ts';
import { kernelsKey, type Series } from './series.ts';

/** A series that says something about a question, and how it differs from it. */
export interface Source {
  readonly series: Series;
  /** 0 for an exact match; the larger the weaker. */
  readonly weight: number;
  /** Weight without what another hidden size adds. */
  readonly boxWeight: number;
  readonly differences: readonly string[];
}

/** Series by kernels; sources of a question are found once and kept. */
export class SourceIndex {
  readonly #byKernels = new Map<string, Series[]>();
  readonly #found = new Map<string, readonly Source[]>();

  constructor(all: readonly Series[]) {
    for (const series of all) {
      const key = kernelsKey(series.kernels);
      const group = this.#byKernels.get(key);
      if (group) group.push(series);
      else this.#byKernels.set(key, [series]);
    }
  }

  /** Kernel lists of more than one kernel that were timed together. */
  compositions(): readonly (readonly string[])[] {
    return [...this.#byKernels.values()]
      .map(([first]) => first!.kernels)
      .filter((kernels) => kernels.length > 1);
  }

  /** Sources for a list of kernels, the strongest first; earlier tables before later ones. */
  sources(kernels: readonly string[], context: EvidenceContext): readonly Source[] {
    const name = kernelsKey(kernels);
    const key = `${name}|${contextKey(context)}`;
    const known = this.#found.get(key);
    if (known) return known;
    const made: Source[] = [];
    for (const series of this.#byKernels.get(name) ?? []) {
      const source = sourceOf(series, context);
      if (source) made.push(source);
    }
    made.sort((a, b) => a.weight - b.weight);
    this.#found.set(key, made);
    return made;
  }
}

/** Every field of a context but its hidden size, as one text. */
export function boxKey({
  pattern,
  itemsize,
  dtype,
  mode,
  groupSize,
  nodes,
  sku,
  capability,
  interconnect,
  multicast,
}: EvidenceContext): string {
  return `${pattern}|${itemsize}|${dtype}|${mode}|${groupSize}|${nodes}|${sku}|${capability}|${interconnect}|${multicast}`;
}

/** Every field of a context as one text. */
export function contextKey(context: EvidenceContext): string {
  return `${context.hidden}|${boxKey(context)}`;
}

function sourceOf(series: Series, context: EvidenceContext): Source | undefined {
  const { key } = series;
  if (series.itemsize !== context.itemsize || !sameBox(key, context)) return undefined;
  if (key.pattern !== context.pattern && key.pattern !== standIn(context.pattern)) return undefined;
  const found = differences(key, context, series.variant);
  const boxWeight = found.reduce((sum, { weight }) => sum + weight, 0);
  const texts = found.map(({ text }) => text);
  if (series.hidden === context.hidden)
    return { series, weight: boxWeight, boxWeight, differences: texts };
  return {
    series,
    weight: boxWeight + 1 + Math.abs(Math.log2(series.hidden / context.hidden)),
    boxWeight,
    differences: [`measured at hidden ${series.hidden} with equal bytes`, ...texts],
  };
}
