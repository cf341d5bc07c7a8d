import type { DType, PlanSegment, SiteClass, SiteOutput } from '@arfuse/contract';
import {
  type RefTensor,
  ROW_KINDS,
  rowKind,
  type SiteResults,
  storedTensor,
  ulpDistance,
} from '@arfuse/reference';
import type { OutputBytes } from '@arfuse/runtime';
import type { Difference } from '../verify/report.ts';
import { UlpCounts } from './histogram.ts';
import { ReferenceResults, type Requirement } from './reference-results.ts';
import type { OutputCheck } from './report.ts';
import type { TiledInputs } from './tiled-inputs.ts';

/** What is gathered of one output over the tiles of a launch. */
interface Tally {
  readonly counts: UlpCounts;
  bound: string;
  maxUlps: number;
  worst: Difference | undefined;
  nan: 'kept' | 'lost' | undefined;
}

/** Rows `[from, from + count)` of a tensor. */
function rowsOf({ dtype, shape, data }: RefTensor, from: number, count: number): RefTensor {
  const columns = shape[1]!;
  return {
    dtype,
    shape: [count, columns],
    data: data.subarray(from * columns, (from + count) * columns),
  };
}

/** Whether a found element satisfies a requirement; a NaN must be one in the reference, too. */
function satisfies({ expected, low, high }: Requirement, i: number, found: number): boolean {
  const wanted = expected[i]!;
  if (found !== found) return wanted !== wanted;
  if (found >= low[i]! && found <= high[i]!) return true;
  return low[i] !== low[i] && found === wanted;
}

function compare(
  tally: Tally,
  dtype: DType,
  requirement: Requirement,
  found: RefTensor,
  place: { readonly rank: number; readonly row: number },
): void {
  const { expected, bound } = requirement;
  const columns = found.shape[1]!;
  tally.bound = bound;
  let equal = 0;
  for (let i = 0; i < found.data.length; i += 1) {
    const [wanted, value] = [expected[i]!, found.data[i]!];
    const same = wanted === value || (wanted !== wanted && value !== value);
    const ulps = same ? 0 : ulpDistance(dtype, wanted, value);
    if (same) equal += 1;
    else tally.counts.add(ulps);
    tally.maxUlps = Math.max(tally.maxUlps, ulps);
    if (satisfies(requirement, i, value) || (tally.worst && tally.worst.ulps >= ulps)) continue;
    tally.worst = {
      rank: place.rank,
      row: place.row + Math.floor(i / columns),
      column: i % columns,
      expected: wanted,
      found: value,
      ulps,
    };
  }
  if (equal > 0) tally.counts.add(0, equal);
}

const NAN_ROW = ROW_KINDS.indexOf('nan');

/** What became of the NaN of a row whose partials have one at every rank. */
function nanOf(found: RefTensor): 'kept' | 'lost' {
  return found.data.some((value) => Number.isNaN(value)) ? 'kept' : 'lost';
}

/**
 * Checks what a launch left on one rank.
 * @param unusual - whether the inputs have rows of every kind, a NaN among them
 * @returns each output, and sentences about bytes that should be zero
 */
export function checkOutputs(
  site: SiteClass,
  segment: Pick<PlanSegment, 'steps' | 'numerics'>,
  { inputs, rows: tile }: TiledInputs,
  given: {
    readonly rank: number;
    readonly tokens: number;
    readonly found: OutputBytes;
    readonly unusual: boolean;
  },
): { outputs: OutputCheck[]; faults: string[] } {
  const { rank, tokens, found, unusual } = given;
  const reference = new ReferenceResults(site, segment, inputs);
  const names = site.outputs.filter((name) => found[name] !== undefined);
  const faults: string[] = [];
  const tensors = new Map<SiteOutput, RefTensor>();
  for (const name of names) {
    const { tensor, padded } = storedTensor(site, name, tokens, found[name]!);
    tensors.set(name, tensor);
    if (!padded) faults.push(`rank ${rank} left bytes that pad "${name}" and are not zero`);
  }
  const tallies = new Map<SiteOutput, Tally>(
    names.map((name) => [
      name,
      { counts: new UlpCounts(), bound: '', maxUlps: 0, worst: undefined, nan: undefined },
    ]),
  );
  for (let row = 0; row < tokens; row += tile) {
    const count = Math.min(tile, tokens - row);
    const results: SiteResults = Object.fromEntries(
      [...tensors].map(([name, tensor]) => [name, rowsOf(tensor, row, count)]),
    );
    for (const [name, tally] of tallies) {
      const tensor = results[name]!;
      compare(tally, tensor.dtype, reference.requirement(name, results), tensor, { rank, row });
      if (unusual && row === 0 && count > NAN_ROW && rowKind(NAN_ROW) === 'nan')
        tally.nan = nanOf(rowsOf(tensor, NAN_ROW, 1));
    }
  }
  return {
    faults,
    outputs: [...tallies].map(([output, { counts, bound, maxUlps, worst, nan }]) => ({
      output,
      passed: worst === undefined,
      maxUlps,
      histogram: counts.histogram(),
      bound,
      ...(worst ? { worst } : {}),
      ...(nan ? { nan } : {}),
    })),
  };
}
