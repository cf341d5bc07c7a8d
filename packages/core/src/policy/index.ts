export {
  allowDeviations,
  batchInvariant,
  cap,
  deny,
  firstOf,
  margin,
  shadow,
  when,
} from './combinators.ts';
export { DEFAULT_MARGIN, defaultPolicy } from './default-policy.ts';
export {
  costModel,
  measured,
  published,
  type TimedSettings,
  transferred,
} from './evidence-policies.ts';
export { override, type PreferSettings, prefer, staticOrder } from './rules.ts';
export type { RuleScope } from './scope.ts';
export type { Selector } from './selector.ts';
