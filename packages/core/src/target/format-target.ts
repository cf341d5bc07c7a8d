import type { Target } from '@arfuse/contract';
import { DEFAULT_GRAPH_UP_TO, defaultBuckets } from './buckets.ts';
import { checkTarget } from './check-target.ts';
import { SKUS } from './skus.ts';

/** Group names may hold anything; commas, equals signs, percent signs, slashes and blanks are escaped. */
const encode = (name: string): string =>
  name.replace(/[%,=/\s]/g, (char) => encodeURIComponent(char));

const sameList = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((value, i) => value === b[i]);

/**
 * The one text of a target; `parseTarget` reads it back to an equal target. What the GPU model or a default already
 * says is left out.
 * @throws TargetError when the target is malformed
 */
export function formatTarget(given: Target): string {
  const target = checkTarget(given);
  const { max, buckets, graphUpTo } = target.tokens;
  const sku = Object.hasOwn(SKUS, target.sku) ? SKUS[target.sku] : undefined;
  const { default: world, ...named } = target.groups;
  const parts = [target.sku, `world=${world!.size}`];
  if (world!.nodes !== 1) parts.push(`nodes=${world!.nodes}`);
  for (const [name, group] of Object.entries(named)) {
    parts.push(`group.${encode(name)}=${group.size}${group.nodes === 1 ? '' : `/${group.nodes}`}`);
  }
  parts.push(`tokens=${max}`);
  const usual = sameList(buckets, defaultBuckets(Math.min(max, DEFAULT_GRAPH_UP_TO)));
  if (!usual) parts.push(`buckets=${buckets.length === 0 ? 'none' : buckets.join(':')}`);
  if (graphUpTo !== (buckets.at(-1) ?? 0)) parts.push(`graph-up-to=${graphUpTo}`);
  if (target.capability !== sku?.capability) parts.push(`capability=${target.capability}`);
  if (target.interconnect !== sku?.interconnect) parts.push(`interconnect=${target.interconnect}`);
  parts.push(`multicast=${target.multicast ? 'on' : 'off'}`);
  if (target.engine !== undefined) parts.push(`engine=${target.engine}`);
  for (const [name, version] of Object.entries(target.libraries)) parts.push(`${name}=${version}`);
  return parts.join(',');
}
