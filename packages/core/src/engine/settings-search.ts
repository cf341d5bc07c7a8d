import { type EngineSettings, itemsize, type Target } from '@arfuse/contract';
import { type Engine, type EngineLever, openEngine } from '@arfuse/engines';
import { type Gain, type Grid, gainOf, gridOf } from './grid.ts';
import type { Launch, ReportClass } from './report-classes.ts';

/** Settings worth trying: an engine, and which of its levers stand elsewhere than today. */
export interface Variant {
  readonly engine: Engine;
  readonly changes: readonly {
    readonly lever: EngineLever;
    readonly from: string;
    readonly to: string;
  }[];
}

/** Most combinations of two-valued levers that are tried. */
const MAX_COMBINATIONS = 256;

function withChanges(engine: Engine, changes: Variant['changes']): Variant {
  const settings: { env: Record<string, string>; config: Record<string, string> } = {
    env: { ...engine.settings.env },
    config: { ...engine.settings.config },
  };
  for (const { lever, to } of changes) settings[lever.where][lever.name] = to;
  return { engine: openEngine(engine.id, settings as EngineSettings), changes };
}

/** Values of a lever, today's first. */
type Values = (lever: EngineLever) => readonly string[];

function combinations(levers: readonly EngineLever[], values: Values): Variant['changes'][] {
  let found: Variant['changes'][] = [[]];
  for (const lever of levers) {
    const [today = '', ...others] = values(lever);
    const next = found.flatMap((changes) => [
      changes,
      ...others.map((to) => [...changes, { lever, from: today, to }]),
    ]);
    if (next.length > MAX_COMBINATIONS) break;
    found = next;
  }
  return found;
}

/**
 * Every combination of the engine's levers that it accepts, fewest changes first. Combinations that the engine refuses as
 * contradictory are left out.
 */
function variants(engine: Engine, levers: readonly EngineLever[], values: Values): Variant[] {
  return combinations(levers, values)
    .flatMap((changes) => {
      try {
        return [withChanges(engine, changes)];
      } catch {
        return [];
      }
    })
    .sort((a, b) => a.changes.length - b.changes.length);
}

/** Settings with what they dispatch and save. */
export interface Found {
  readonly variant: Variant;
  readonly grid: Grid;
  readonly gain: Gain;
}

/** Row counts at which a limit is tried first: powers of two; then every launch size around the best. */
function coarse(launches: readonly Launch[]): number[] {
  const last = launches.at(-1)?.tokens ?? 1;
  const found: number[] = [];
  for (let tokens = 1; tokens <= last; tokens *= 2) found.push(tokens);
  return found;
}

/** All variants, the best first; ties go to fewer changes of settings, then of launches. */
export function searchSettings(
  engine: Engine,
  today: Grid,
  classes: readonly ReportClass[],
  launches: readonly Launch[],
  target: Target,
): Found[] {
  const levers = engine.levers(target);
  const rowBytes = Math.max(...classes.map(({ site }) => site.hidden * itemsize(site.dtype)));
  const tryAll = (
    tokens: readonly number[],
    among: readonly EngineLever[],
    from: Engine,
  ): Found[] =>
    variants(from, among, (lever) => lever.values(rowBytes, tokens)).map((variant) => {
      const grid = gridOf(variant.engine, classes, launches);
      return { variant, grid, gain: gainOf(today, grid, classes, launches) };
    });
  const byGain = (a: Found, b: Found): number =>
    b.gain.us - a.gain.us ||
    a.variant.changes.length - b.variant.changes.length ||
    a.gain.changed - b.gain.changed;
  const first = tryAll(coarse(launches), levers, engine).sort(byGain);
  const known = first.filter(({ gain }) => gain.unknown === 0);
  const best = known[0];
  const limit = levers.find((lever) => lever.values(rowBytes, [1, 2]).length > 2);
  if (!best || !limit) return first;
  // The limit once more, at every launch size, beside the other changes of the best.
  const beside = best.variant.changes.filter(({ lever }) => lever.name !== limit.name);
  const fine = limit.values(
    rowBytes,
    launches.map(({ tokens }) => tokens),
  );
  const refined = fine.slice(1).flatMap((to): Found[] => {
    const variant = withChanges(engine, [...beside, { lever: limit, from: fine[0]!, to }]);
    const grid = gridOf(variant.engine, classes, launches);
    return [{ variant, grid, gain: gainOf(today, grid, classes, launches) }];
  });
  return [...first, ...refined].sort(byGain);
}
