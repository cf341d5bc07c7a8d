import type { StepParameter } from '@arfuse/contract';
import type {
  ChainVerification,
  ClassVerification,
  OfferDifference,
  OfferVerification,
  OutputComparison,
  VerifyReport,
} from './report.ts';

/** One sentence for a failed comparison: class, steps, output, ULPs and place. */
export function describeFailure(of: ClassVerification, comparison: OutputComparison): string {
  const { worst } = comparison;
  const at = worst
    ? ` at rank ${worst.rank}, row ${worst.row}, column ${worst.column}: expected ${worst.expected}, found ${worst.found}`
    : '';
  return (
    `class ${of.class} [${of.steps.join(' + ')}]: ${comparison.kind} comparison of output "${comparison.output}" ` +
    `differs by ${formatUlps(comparison.maxUlps)} ULP${at}; required ${comparison.bound}.`
  );
}

const said = (value: StepParameter | undefined): string =>
  value === undefined ? 'nothing' : JSON.stringify(value);

/** One sentence for a segment that says something else than its kernels: class, tokens, kernel, field, both values. */
export function describeOfferDifference(
  of: OfferVerification,
  { kernel, field, recorded, offered }: OfferDifference,
): string {
  const what: Readonly<Record<string, string>> = {
    kernel: 'the given backend has no such kernel',
    admission: `the kernel refuses it: ${String(offered)}`,
    mode: `the plan records mode ${said(recorded)}, the target launches them in mode ${said(offered)}`,
  };
  const values = `the plan records ${field} ${said(recorded)}, the kernel offers ${said(offered)}`;
  return (
    `class ${of.class} [${of.steps.join(' + ')}], tokens ${of.tokens[0]}–${of.tokens[1]}: offers comparison of ` +
    `${kernel}: ${(what[field] ?? values).replace(/\.$/, '')}.`
  );
}

/** ULP counts as people read them. */
export function formatUlps(ulps: number): string {
  if (!Number.isFinite(ulps)) return 'infinitely many';
  if (ulps === 0 || Number.isInteger(ulps)) return String(ulps);
  return ulps >= 0.01 ? ulps.toFixed(2) : ulps.toExponential(1);
}

function describeChainFailure(
  chain: ChainVerification,
  { reader, was, reads, difference }: ChainVerification['failures'][number],
): string {
  return (
    `sites ${chain.sites.join(' and ')} [${chain.steps.join(' | ')}]: ${reader} read "${was}" and now reads ` +
    `"${reads}", which differs by ${formatUlps(difference.ulps)} ULP at rank ${difference.rank}, row ${difference.row}, ` +
    `column ${difference.column}: expected ${difference.expected}, found ${difference.found}.`
  );
}

/** One sentence per failure: what was compared, where, and both values. */
export function describeFailures({ classes, chains, offers }: VerifyReport): string[] {
  return [
    ...classes.flatMap((of) =>
      of.comparisons
        .filter(({ passed }) => !passed)
        .map((comparison) => describeFailure(of, comparison)),
    ),
    ...chains.flatMap((chain) =>
      chain.failures.map((failure) => describeChainFailure(chain, failure)),
    ),
    ...offers.flatMap((of) =>
      of.differences.map((difference) => describeOfferDifference(of, difference)),
    ),
  ];
}
