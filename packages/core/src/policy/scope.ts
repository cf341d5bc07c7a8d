import { type Cell, type LaunchMode, PolicyError, type SiteClass } from '@arfuse/contract';

/** Where a rule holds; a member that is left out holds everywhere. */
export interface RuleScope {
  /** Inclusive token counts. */
  readonly tokens?: readonly [min: number, max: number];
  readonly mode?: LaunchMode;
  /** `all_reduce` for all-reduces that no site takes. */
  readonly pattern?: SiteClass['pattern'] | 'all_reduce';
  readonly hidden?: number;
  /** Ordinal of the process group. */
  readonly group?: number;
}

/** @throws PolicyError for a range that holds nothing */
export function checkScope(rule: string, { tokens }: RuleScope): void {
  if (!tokens) return;
  const [min, max] = tokens;
  if (
    Number.isSafeInteger(min) &&
    min >= 1 &&
    max >= min &&
    (Number.isSafeInteger(max) || max === Number.POSITIVE_INFINITY)
  ) {
    return;
  }
  throw new PolicyError({
    message: `${rule}: tokens [${min}, ${max}] is no range.`,
    hint: 'Give two integers, the smaller first, from 1.',
    details: { rule, tokens },
  });
}

export function inScope(cell: Cell, { tokens, mode, pattern, hidden, group }: RuleScope): boolean {
  return (
    (tokens === undefined || (tokens[0] <= cell.tokens && cell.tokens <= tokens[1])) &&
    (mode === undefined || mode === cell.mode) &&
    (pattern === undefined || pattern === cell.site.pattern) &&
    (hidden === undefined || hidden === cell.site.hidden) &&
    (group === undefined || group === cell.site.group)
  );
}

/** Token counts at which the scope begins and has ended. */
export function scopeEdges({ tokens }: RuleScope): number[] {
  if (!tokens) return [];
  return Number.isFinite(tokens[1]) ? [tokens[0], tokens[1] + 1] : [tokens[0]];
}

export function describeScope({ tokens, mode, pattern, hidden, group }: RuleScope): string {
  const parts = [
    tokens && `tokens ${tokens[0]}–${tokens[1]}`,
    mode && `${mode} mode`,
    pattern,
    hidden !== undefined && `hidden ${hidden}`,
    group !== undefined && `group ${group}`,
  ].filter((part): part is string => typeof part === 'string');
  return parts.length === 0 ? '' : ` for ${parts.join(', ')}`;
}
