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
import { lastNormRange, nearest, preNormRange } from './norm-range.ts';
import { ProgramBounds, type RealValues } from './program-bounds.ts';
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
        const claimed = quantised!.program.map((tensor) =>
          quantiserOracle(tensor, quant, site.numerics.nan, inputs.site.scale?.data[0]),
        );
        comparer.add(
          tokens,
          claimed.map((of, rank) => shapedAs(of[output]!, found[rank]!)),
          found,
          exact,
        );
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
      const expected =
        ranges[i] ?? claims[i]!.map((results, rank) => shapedAs(results[output]!, found[rank]!));
      comparer.add(
        of.tokens,
        expected,
        found,
        ranges[i] ? exact : allowance(evaluated, of, bounds, output),
      );
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
    const results = found.map((of, i) =>
      of.map((each, rank) => shapedAs(each[output]!, prepared[i]!.program.get(output)![rank]!)),
    );
    const ranges = prepared.map((of, i) =>
      bounds.isSameRecord ? rangeOf(evaluated, of, found[i]!, output, results[i]!) : undefined,
    );
    const comparer = new OutputComparer(
      'program',
      output,
      evaluated.widthOf(output),
      ranges.every(Boolean) ? RANGE_BOUND : bounds.describe(output),
    );
    prepared.forEach((of, i) => {
      comparer.add(
        of.tokens,
        ranges[i] ?? of.program.get(output)!,
        results[i]!,
        ranges[i] ? exact : allowance(evaluated, of, bounds, output),
      );
    });
    return comparer.result();
  });
}

const RANGE_BOUND = "what the program's record allows, whatever the order of float32 sums";

const shapedAs = (tensor: RefTensor, like: RefTensor): RefTensor => reshaped(tensor, like.shape);

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
  // Ranks that reduce together share their results.
  const known = new Map<RefTensor, RefTensor>();
  const expected: RefTensor[] = [];
  for (const [rank, tensor] of found.entries()) {
    let of = known.get(tensor);
    if (!of) {
      const allowed = range(site, site.numerics, inputs.site, before[rank]!);
      if (!allowed) return undefined;
      of = nearest(allowed, tensor);
      known.set(tensor, of);
    }
    expected.push(of);
  }
  return expected;
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

function allowance(
  evaluated: EvaluatedClass,
  prepared: Prepared,
  bounds: ProgramBounds,
  output: SiteOutput,
): Allowance {
  // Ranks that reduce together share their results, and so their bounds.
  const known = new Map<SiteResults, Float64Array>();
  const perRank = prepared.ideal.map((results, rank) => {
    let found = known.get(results);
    if (!found) {
      found = bounds.allowances(realValues(evaluated, prepared, rank)).get(output)!;
      known.set(results, found);
    }
    return found;
  });
  // The bound of a scale is a share of it.
  return (index, value, rank) =>
    perRank[rank]![index]! * (output === 'scale' ? Math.abs(value) : 1);
}

function realValues(
  { site, ranks }: EvaluatedClass,
  { inputs, ideal }: Prepared,
  rank: number,
): RealValues {
  const results = ideal[rank]!;
  const magnitude = new Float64Array(results.all_reduce!.data.length);
  for (const member of ranks.members(site.group, rank)) {
    for (const { data } of inputs.site.partials[member]!) {
      for (let i = 0; i < magnitude.length; i += 1)
        magnitude[i] = magnitude[i]! + Math.abs(data[i]!);
    }
  }
  return {
    magnitude,
    bias: inputs.site.bias?.data,
    scale: inputs.site.scale?.data[0],
    allReduce: results.all_reduce!.data,
    residual: results.residual?.data,
    preNorm: results.pre_norm?.data,
    norm: results.norm!.data,
  };
}
