import type { SiteClass } from '@arfuse/contract';
import type { Engine } from '../engine.ts';
import { type Comparison, type Difference, differences } from './export-compare.ts';
import { FUSED_TOKENS } from './facts-0.5.23.ts';
import { matchSglang } from './matching.ts';

const range = ([min, max]: readonly [number, number]): string =>
  min === max ? `${min}` : `${min} to ${max}`;

/** A kernel's own name, e.g. `one-shot`. */
const formOf = (kernel: string): string => kernel.slice(kernel.lastIndexOf('/') + 1);

const isSite = (site: Comparison['scope']['site']): site is SiteClass =>
  site.pattern !== 'all_reduce';

/** Why SGLang's layer code does not fuse a class at all, or not the whole of it. */
const layerReasons = ({ scope: { site } }: Comparison) =>
  isSite(site) ? matchSglang(site, 'kARResidualRMSNorm') : undefined;

function sentence(
  comparison: Comparison,
  { tokens, planned, actual }: Difference,
  on: boolean,
): string | undefined {
  const { id } = comparison;
  const match = layerReasons(comparison);
  if (planned.fused && !actual.fused) {
    if (match && !match.fused) return undefined;
    const why =
      on && tokens[0] > FUSED_TOKENS
        ? `SGLang fuses up to ${FUSED_TOKENS} tokens, a constant without a flag.`
        : on
          ? `SGLang runs ${actual.kernel} there.`
          : 'this configuration does not fuse, since SGLang fuses all layers up to its limit or none.';
    return `${id}: the plan fuses ${range(tokens)} tokens; ${why}`;
  }
  if (!planned.fused && actual.fused)
    return `${id}: the plan leaves ${range(tokens)} tokens unfused (${planned.kernel}); SGLang fuses everything up to ${FUSED_TOKENS} tokens, a constant without a flag.`;
  if (planned.kernel === actual.kernel) return undefined;
  if (planned.fused)
    return `${id}: the plan takes ${planned.kernel} for ${range(tokens)} tokens; SGLang takes ${formOf(actual.kernel)} (${actual.kernel}) there by FlashInfer's own rule, and has no setting for it.`;
  return `${id}: the plan runs the all-reduce of ${range(tokens)} tokens by ${planned.kernel}; SGLang takes ${actual.kernel} there.`;
}

/** Sentences for a class: what its layers do not fuse, and each range in which SGLang does something else. */
export function classGaps(engine: Engine, comparison: Comparison, on: boolean): string[] {
  const { id, segments, scope } = comparison;
  const match = layerReasons(comparison);
  const wanted = segments.some(({ steps }) =>
    steps.some(({ covers }) => covers.includes('all_reduce') && covers.length > 1),
  );
  const pattern = scope.site.pattern;
  const quantised = segments.some(({ steps }) =>
    steps.some(({ covers }) => covers.includes('all_reduce') && covers.includes('quant')),
  );
  const layer =
    match && wanted && (!match.fused || (quantised && on))
      ? match.reasons.map((reason) => `${id} (${pattern}): ${reason}`)
      : [];
  return [
    ...layer,
    ...differences(engine, comparison).flatMap((one) => sentence(comparison, one, on) ?? []),
  ];
}

/** A sentence for plans that launch without programmatic dependent launch. */
export function launchGaps(comparisons: readonly Comparison[], on: boolean): string[] {
  const without = comparisons.some(({ segments }) =>
    segments.some(({ steps }) =>
      steps.some(
        ({ covers, params }) =>
          covers.includes('all_reduce') && covers.length > 1 && params.pdl === false,
      ),
    ),
  );
  return on && without
    ? [
        "The plan launches FlashInfer's kernels without programmatic dependent launch; SGLang always launches with it, and lets the next kernel start before its end.",
      ]
    : [];
}
