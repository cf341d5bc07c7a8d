import {
  findStage,
  type PlanSegment,
  SITE_OUTPUTS,
  type SiteClass,
  type SiteOutput,
} from '@arfuse/contract';
import {
  oracle,
  quantiserOracle,
  type RefTensor,
  reshaped,
  type SiteResults,
} from '@arfuse/reference';
import { type Allowance, OutputComparer } from './compare.ts';
import type { EvaluatedClass, Prepared } from './evaluated-class.ts';
import { mapRanks } from './map-ranks.ts';
import { lastNormRange, nearest, preNormRange } from './norm-range.ts';
import { ProgramBounds } from './program-bounds.ts';
import type { OutputComparison } from './report.ts';

const exact: Allowance = () => 0;

/** Results of each row count and rank, by output. */
type Found = readonly (readonly SiteResults[])[];

/**
 * The raw nodes with their dtypes against what the class says of them: its record, and its quantiser given the
 * program's own norm. A record that lies would make deviations disappear.
 */
export function compareRecord(evaluated: EvaluatedClass): OutputComparison[] {
  const { site, ranks, prepared } = evaluated;
  const quant = findStage(site.stages, 'quant');
  const bounds = new ProgramBounds(site, site.numerics, [], ranks.sizeOf(site.group));
  const claims = prepared.map(({ inputs }) => oracle(site, site.numerics, inputs.site, ranks));
  const known = prepared[0]!.program;
  return SITE_OUTPUTS.filter((output) => known.has(output)).map((output) => {
    if (quant && (output === 'quant' || output === 'scale')) {
      const comparer = new OutputComparer(
        'record',
        output,
        evaluated.widthOf(output),
        "equality, given the program's own norm",
      );
      for (const { tokens, inputs, quantised, program } of prepared) {
        const found = program.get(output)!;
        const claimed = mapRanks(quantised!.program, (tensor) =>
          quantiserOracle(tensor, quant, site.numerics.nan, inputs.site.scale?.data[0]),
        );
        comparer.add(tokens, shapedAs(claimed, output, found), found, exact);
      }
      return comparer.result();
    }
    const ranges = prepared.map((of, i) =>
      rangeOf(evaluated, of, programResults(site, of, claims[i]!), output, of.program.get(output)!),
    );
    const comparer = new OutputComparer(
      'record',
      output,
      evaluated.widthOf(output),
      ranges.every(Boolean) ? RANGE_BOUND : bounds.describe(output),
    );
    prepared.forEach((of, i) => {
      const found = of.program.get(output)!;
      const expected = ranges[i] ?? shapedAs(claims[i]!, output, found);
      comparer.add(of.tokens, expected, found, ranges[i] ? exact : allowance(of, bounds, output));
    });
    return comparer.result();
  });
}

/**
 * The results of the steps against the raw nodes with their dtypes: within the bound of the listed deviations; without
 * any, the steps may only give what the program's own record may give.
 */
export function compareProgram(
  evaluated: EvaluatedClass,
  segment: PlanSegment,
  found: Found,
): OutputComparison[] {
  const { site, ranks, prepared } = evaluated;
  const bounds = new ProgramBounds(
    site,
    segment.numerics,
    segment.deviations,
    ranks.sizeOf(site.group),
  );
  return site.outputs.map((output) => {
    const results = found.map((of, i) => shapedAs(of, output, prepared[i]!.program.get(output)!));
    const ranges = prepared.map((of, i) =>
      bounds.isSameRecord ? rangeOf(evaluated, of, found[i]!, output, results[i]!) : undefined,
    );
    const keepsNan =
      output === 'quant' && site.numerics.nan === 'lost' && segment.numerics.nan === 'propagate';
    const bound = ranges.every(Boolean) ? RANGE_BOUND : bounds.describe(output);
    const comparer = new OutputComparer(
      'program',
      output,
      evaluated.widthOf(output),
      keepsNan ? `${bound}; a NaN that the program turns into a number may be kept` : bound,
    );
    prepared.forEach((of, i) => {
      const program = of.program.get(output)!;
      comparer.add(
        of.tokens,
        ranges[i] ?? (keepsNan ? withKeptNans(of, program, results[i]!) : program),
        results[i]!,
        ranges[i] ? exact : allowance(of, bounds, output),
      );
    });
    return comparer.result();
  });
}

/** The program's elements, with NaN where the steps keep one that the program's own norm has. */
function withKeptNans(
  { quantised }: Prepared,
  program: readonly RefTensor[],
  found: readonly RefTensor[],
): RefTensor[] {
  return mapRanks(program, (tensor, rank) => {
    const norm = quantised!.program[rank]!.data;
    const kept = found[rank]!.data;
    const data = tensor.data.map((value, i) =>
      norm[i] !== norm[i] && kept[i] !== kept[i] ? Number.NaN : value,
    );
    return { ...tensor, data };
  });
}

const RANGE_BOUND = "what the program's record allows, whatever the order of float32 sums";

/** One output of every rank in the shape in which the program has it. */
function shapedAs(
  results: readonly SiteResults[],
  output: SiteOutput,
  like: readonly RefTensor[],
): RefTensor[] {
  return mapRanks(results, (of, rank) => reshaped(of[output]!, like[rank]!.shape));
}

/**
 * What the program's record allows nearest to `found`, whose own earlier results are `before`. Undefined for outputs that
 * no norm makes, and where what the norm reads is not known.
 */
function rangeOf(
  { site }: EvaluatedClass,
  { inputs }: Prepared,
  before: readonly SiteResults[],
  output: SiteOutput,
  found: readonly RefTensor[],
): readonly RefTensor[] | undefined {
  if (output !== 'norm' && output !== 'pre_norm') return undefined;
  const range = output === 'norm' ? lastNormRange : preNormRange;
  const expected = mapRanks(found, (tensor, rank) => {
    const allowed = range(site, site.numerics, inputs.site, before[rank]!);
    return allowed && nearest(allowed, tensor);
  });
  return expected.every((tensor) => tensor !== undefined) ? expected : undefined;
}

/**
 * The program's results before its last norm, as far as they are known: what escapes, else what its record claims. Behind
 * the first norm of a sandwich the claim may be a neighbour, so only what escapes counts.
 */
function programResults(
  site: SiteClass,
  { program }: Prepared,
  claims: readonly SiteResults[],
): SiteResults[] {
  const isSandwich = findStage(site.stages, 'pre_norm') !== undefined;
  return claims.map((claimed, rank) => {
    const results: Partial<Record<SiteOutput, RefTensor>> = { all_reduce: claimed.all_reduce };
    if (!isSandwich) results.residual = claimed.residual;
    for (const [output, tensors] of program) results[output] = tensors[rank]!;
    return results;
  });
}

function allowance(prepared: Prepared, bounds: ProgramBounds, output: SiteOutput): Allowance {
  const perRank = mapRanks(prepared.realValues, (real) => bounds.allowances(real).get(output)!);
  // The bound of a scale is a share of it.
  return (index, value, rank) =>
    perRank[rank]![index]! * (output === 'scale' ? Math.abs(value) : 1);
}
