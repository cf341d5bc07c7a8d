import { type Plan, UsageError } from '@arfuse/contract';
import { formatTarget, type Graph, plan as makePlan, parsePlan, parseTarget } from '@arfuse/core';
import type { Console } from '../system/console.ts';
import { configuredBackends } from './backends.ts';
import { loadConfig } from './config.ts';
import { type EngineOptions, engineSettings } from './engine-options.ts';
import { type GraphOptions, loadGraph } from './load-graph.ts';
import { readPlanText, sourceName } from './load-plan.ts';

export interface PlanOptions extends GraphOptions, EngineOptions {
  readonly target?: string;
  readonly config?: string;
}

/** A graph with its plan, or a plan alone. */
export interface PlannedInput {
  readonly plan: Plan;
  readonly graph?: Graph;
}

/** Reads a graph and plans it. */
export async function planGraph(
  path: string,
  options: PlanOptions,
  console: Console,
  bytes?: Uint8Array,
): Promise<Required<PlannedInput>> {
  const config = await loadConfig(options.config);
  const text = options.target ?? config.target;
  const target = text === undefined ? undefined : parseTarget(text);
  const { graph, result } = await loadGraph(path, options, console, bytes);
  // Behind the source: what cannot be read needs no target.
  if (target === undefined) {
    throw new UsageError({
      message: 'no target.',
      hint: 'Say where the plan will run, e.g. --target h200-sxm,world=8. Group sizes are never guessed.',
    });
  }
  const world = target.groups.default?.size;
  if (result.rankCountHint !== undefined && world !== undefined && result.rankCountHint !== world) {
    console.note(
      `note: the source holds ${result.rankCountHint} ranks, the target says world=${world}. Rank folders also ` +
        'count pipeline and data parallel ranks; the target is used.',
    );
  }
  const plan = await console.progress('planning', () =>
    makePlan(graph, {
      target,
      use: configuredBackends(config),
      ...(config.tables ? { tables: config.tables } : {}),
      ...(config.policy ? { policy: config.policy } : {}),
      ...(options.engine === undefined ? {} : { engine: options.engine }),
      engineSettings: engineSettings(options),
    }),
  );
  return { plan, graph };
}

/** GPU model that a group size alone stands for; a proof does not depend on it, the chosen steps do. */
const ASSUMED_SKU = 'h200-sxm';

/** A plan is for one target; another one that is asked for would be ignored, so it is refused. */
function requireSameTarget(plan: Plan, { target, world }: PlanOrGraphOptions): void {
  const has = formatTarget(plan.target);
  const asked = target === undefined ? undefined : formatTarget(parseTarget(target));
  const size = plan.target.groups.default?.size;
  if ((asked ?? has) === has && (world ?? size) === size) return;
  throw new UsageError({
    message: `the plan is for ${has}, ${asked === undefined ? `--world says ${world}` : `--target says ${asked}`}.`,
    hint: 'Leave the option out, or give the graph to plan it for another target.',
    details: { plan: has, ...(asked === undefined ? { world } : { target: asked }) },
  });
}

export interface PlanOrGraphOptions extends PlanOptions {
  /** Group size where no target is given. */
  readonly world?: number;
}

/** A plan as it is, or a graph that is planned now. */
export async function planOrGraph(
  path: string,
  options: PlanOrGraphOptions,
  console: Console,
): Promise<PlannedInput> {
  const { world } = options;
  if (world !== undefined && options.target !== undefined) {
    throw new UsageError({
      message: `--world ${world} and --target ${options.target} are both given.`,
      hint: 'Write the group size into the target, e.g. --target h200-sxm,world=2.',
    });
  }
  const source = await readPlanText(path, console.stdin);
  if ('text' in source) {
    const plan = parsePlan(source.text, { file: sourceName(path) });
    requireSameTarget(plan, options);
    return { plan };
  }
  if (world === undefined) return planGraph(path, options, console, source.bytes);
  const target = `${ASSUMED_SKU},world=${world}`;
  console.note(`note: no --target; planning for ${target}.`);
  return planGraph(path, { ...options, target }, console, source.bytes);
}
