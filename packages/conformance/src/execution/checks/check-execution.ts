import { type Backend, type Device, findStage, type Plan } from '@arfuse/contract';
import { Random } from '@arfuse/reference';
import type { ExecutorOptions } from '@arfuse/runtime';
import { CONFORMANCE_CHAINS, type ConformanceChain } from '../cases/chains.ts';
import type { CodesKind } from '../cases/codes.ts';
import type { Combination } from '../cases/execution-plan.ts';
import { executionPlan } from '../cases/execution-plan.ts';
import { type ExecutionCase, type Expect, referenceExpect } from '../cases/expected.ts';
import { sumIsOpen } from '../judging/bounds.ts';
import { type Checker, type CheckerContext, hostChecker } from '../judging/checker.ts';
import type { ExecutionRule } from '../judging/rules.ts';
import { CaseLaunches } from '../ranks/case-launches.ts';
import { CaseRun, resultBytes } from '../ranks/run-case.ts';
import { ShapeInputs } from '../ranks/shape-inputs.ts';
import { Stand } from '../ranks/stand.ts';
import { ExecutionRecorder, type ExecutionReport } from './report.ts';
import { type Shape, type ShapesAsked, shapesOf } from './shapes.ts';

/** What is executed, on what. */
export interface ExecutionOptions extends ShapesAsked {
  /** The backend under test, and those that perform what it leaves. */
  readonly backends: readonly Backend[];
  /** Ids of the kernels under test. Default: every kernel of the first backend. */
  readonly kernels?: readonly string[];
  /** Devices by rank; ranks may share one. They are asked for once per shape. */
  readonly devices: (size: number) => readonly Device[];
  /** Compute capability times 10 that admission is asked for. Default 90. */
  readonly capability?: number;
  readonly tokens?: readonly number[];
  readonly chains?: readonly ConformanceChain[];
  /** Largest token count that also runs with rows of NaN and infinities. Default: all. */
  readonly specialUpTo?: number;
  /** Eager launches of each case, and as many of a graph. Default 2. */
  readonly repeats?: number;
  /** Equal seeds give equal inputs. Default: from the clock. */
  readonly seed?: number;
  /** What a case should leave. Default: the reference backend. */
  readonly expect?: Expect;
  /** Judges results. Default: everything is read back. */
  readonly checker?: (context: CheckerContext) => Checker;
  /** Kernels, by id, that add squares in the reference's own order, so that norms are equal bit for bit. Default: none. */
  readonly exact?: (kernel: string) => boolean;
  readonly executor?: Partial<ExecutorOptions>;
  /** Bytes behind each result that are poisoned and looked at at every launch. Default: the whole buffer. */
  readonly watched?: number;
  /** Most rows that are looked at of what follows a first norm that is not exact. Default 129. */
  readonly sampled?: number;
  /** Ends the run before the next shape when it says so. */
  readonly ended?: () => boolean;
  /** Told of the cases that come next, so that expected results can be made beforehand. */
  readonly ahead?: (asked: ExecutionCase) => void;
  /** Called when a shape begins. */
  readonly onShape?: (name: string) => void;
}

/** Cases between what runs and what is announced. */
const AHEAD = 8;

/** Times that a shape is opened anew after a kernel broke its executors. */
const MOST_REOPENED = 3;

type Settings = Required<
  Pick<ExecutionOptions, 'kernels' | 'chains' | 'repeats' | 'expect' | 'checker' | 'exact'>
> &
  ExecutionOptions;

/** A case with its place in the plan. */
interface NamedCase {
  readonly name: string;
  readonly combination: Combination;
  /** Of the combination. */
  readonly index: number;
  readonly tokens: number;
  readonly kind: CodesKind;
  readonly asked: ExecutionCase;
}

/** Runs the cases of one shape. */
class ShapeRun {
  readonly #shape: Shape;
  readonly #options: Settings;
  readonly #recorder: ExecutionRecorder;
  readonly #seeds: Random;

  constructor(shape: Shape, options: Settings, seed: number, recorder: ExecutionRecorder) {
    this.#shape = shape;
    this.#options = options;
    this.#recorder = recorder;
    this.#seeds = new Random(seed).fork(shape.name);
  }

  async run(): Promise<void> {
    const { kernels, chains, tokens = [1, 3, 16], backends, capability = 90 } = this.#options;
    const { dtype, size, hidden } = this.#shape;
    const { plan, combinations, refusals } = executionPlan({
      kernels,
      chains,
      dtype,
      hidden,
      size,
      tokens,
      backends,
      capability,
    });
    for (const { kernel, reasons } of refusals) this.#recorder.refuse(kernel, reasons);
    if (combinations.length === 0) return;
    const cases = this.#cases(combinations, tokens);
    for (let opened = 0; cases.length > 0 && opened <= MOST_REOPENED; opened += 1) {
      const done = await this.#open(plan, cases);
      cases.splice(0, done);
    }
    for (const { name } of cases)
      this.#recorder.record(
        name,
        ['runs'],
        [{ rule: 'runs', found: 'its ranks broke before it' }],
        0,
        0,
      );
  }

  /** In the order in which they run: of each input all kernels of a chain, then the next chain. */
  #cases(combinations: readonly Combination[], tokens: readonly number[]): NamedCase[] {
    const { specialUpTo = Number.POSITIVE_INFINITY, chains } = this.#options;
    const order = new Map(chains.map(({ name }, i) => [name, i]));
    const byChain = [...combinations.entries()].sort(
      ([, a], [, b]) => order.get(a.chain)! - order.get(b.chain)!,
    );
    return tokens.flatMap((count) =>
      (['usual', 'special', 'integers'] as const).flatMap((kind) =>
        byChain.flatMap(([index, combination]) => {
          const segment = combination.segments.get(count);
          if (!segment || (kind === 'special' && count > specialUpTo)) return [];
          if (sumIsOpen({ segment }) !== (kind === 'integers')) return [];
          const name = `${this.#shape.name}, ${combination.kernel}, ${combination.chain}, ${count} tokens, ${kind}`;
          const seed = this.#seeds.fork(`${count} ${kind}`).word();
          const { site } = combination;
          const asked = { site, segment, size: this.#shape.size, tokens: count, seed, kind };
          return [{ name, combination, index, tokens: count, kind, asked }];
        }),
      ),
    );
  }

  /** @returns how many cases are done; fewer than all when the executors broke */
  async #open(plan: Plan, cases: readonly NamedCase[]): Promise<number> {
    const { devices, backends, executor, checker: makeChecker } = this.#options;
    const recorder = this.#recorder;
    const broken = (name: string, error: unknown): void => {
      const found = error instanceof Error ? error.message : String(error);
      recorder.record(name, ['runs'], [{ rule: 'runs', found }], 0, 0);
    };
    let stand: Stand;
    try {
      stand = await Stand.open({
        plan,
        devices: devices(this.#shape.size),
        backends,
        ...(executor ? { executor } : {}),
      });
    } catch (error) {
      broken(this.#shape.name, error);
      return cases.length;
    }
    const checker = makeChecker(stand.checkerContext);
    const inputs = new ShapeInputs(stand, checker);
    const launches = new CaseLaunches(stand);
    let done = 0;
    try {
      for (const { name, combination, index, tokens, kind, asked } of cases) {
        const coming = cases[done + AHEAD];
        if (coming) this.#options.ahead?.(coming.asked);
        done += 1;
        const { site } = combination;
        try {
          const launch = launches.of(index, tokens);
          await inputs.fill(asked);
          const faults = await new CaseRun(asked, this.#runner(stand, checker, combination)).run(
            launch,
          );
          const launched = 2 * this.#options.repeats * stand.size;
          const elements = site.outputs.reduce((sum, of) => sum + resultBytes(asked, of), 0);
          recorder.record(name, rulesOf(combination, kind), faults, launched, launched * elements);
        } catch (error) {
          broken(name, error);
          inputs.forget();
          if (!(await stand.goesOn())) break;
        }
      }
    } finally {
      checker.close();
      await stand.close();
    }
    return done;
  }

  #runner(stand: Stand, checker: Checker, { kernel }: Combination) {
    const { expect, exact, repeats, watched = 2 ** 40, sampled = 129 } = this.#options;
    return {
      stand,
      checker,
      expect,
      exact,
      repeats,
      watched,
      sampled,
      count: (...given: Parameters<ConstructorParameters<typeof CaseRun>[1]['count']>) =>
        this.#recorder.distance(kernel, ...given),
    };
  }
}

function rulesOf({ site, segments }: Combination, kind: CodesKind): ExecutionRule[] {
  const keeps = [...segments.values()].every(({ numerics }) => numerics.nan === 'propagate');
  return [
    'runs',
    'written',
    'right',
    ...(findStage(site.stages, 'quant')?.scaleDtype ? (['layout'] as const) : []),
    ...(kind === 'special' && keeps ? (['nan'] as const) : []),
    'ranks',
    'repeats',
    'inside',
  ];
}

/**
 * Executes every kernel with every chain that it admits, in every shape, and holds each launch to {@link EXECUTION_RULES}:
 * fresh random inputs, poisoned outputs between guard bands, results compared with what the record of the kernel says.
 * All ranks are driven by this process.
 *
 * @throws UsageError for options
 */
export async function checkExecution(options: ExecutionOptions): Promise<ExecutionReport> {
  const seed = options.seed ?? Date.now() % 2 ** 31;
  const recorder = new ExecutionRecorder(seed);
  const settings: Settings = {
    kernels: options.backends[0]?.kernels.map(({ id }) => id) ?? [],
    chains: CONFORMANCE_CHAINS,
    repeats: 2,
    expect: referenceExpect,
    checker: hostChecker,
    exact: () => false,
    ...options,
  };
  let next: string | undefined;
  for (const shape of shapesOf(settings)) {
    if (options.ended?.()) {
      next = shape.name;
      break;
    }
    options.onShape?.(shape.name);
    await new ShapeRun(shape, settings, seed, recorder).run();
  }
  return recorder.report(next);
}
