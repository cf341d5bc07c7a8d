import type { Backend, Device, IoDType } from '@arfuse/contract';
import type { Executor, ExecutorOptions } from '@arfuse/runtime';
import { CONFORMANCE_CHAINS } from '../cases/chains.ts';
import { executionPlan, siteOf } from '../cases/execution-plan.ts';
import type { ExecutionCase, Expect } from '../cases/expected.ts';
import { type Checker, type CheckerContext, hostChecker } from '../judging/checker.ts';
import { judgeLaunch } from '../ranks/run-case.ts';
import { ShapeInputs } from '../ranks/shape-inputs.ts';
import { Stand } from '../ranks/stand.ts';

/** A rank that does not come, again and again. */
export interface RecoveryOptions {
  /** The backend of the kernel, and those that perform what it leaves. */
  readonly backends: readonly Backend[];
  /** A collective kernel. */
  readonly kernel: string;
  /** By rank; their number is the size of the group. */
  readonly devices: readonly Device[];
  readonly capability?: number;
  readonly dtype?: IoDType;
  readonly hidden?: number;
  readonly tokens?: number;
  /** Times that a rank does not come: alone, and inside a captured step of 8, in turn. Default 50. */
  readonly rounds?: number;
  /** Operations after each of them; the first, and every 64th from there to the last, are checked. Default 1,000. */
  readonly after?: number;
  /** Milliseconds until the others give up. Default 200. */
  readonly deadlineMs?: number;
  /** Other settings, such as how long a stage of a recovery may take. */
  readonly executor?: Partial<ExecutorOptions>;
  readonly seed?: number;
  readonly expect?: Expect;
  readonly checker?: (context: CheckerContext) => Checker;
  readonly exact?: (kernel: string) => boolean;
  /** Ends before the next round when it says so. */
  readonly ended?: () => boolean;
}

/** What recoveries of a kernel were like. */
export interface RecoveryReport {
  readonly kernel: string;
  readonly size: number;
  readonly passed: boolean;
  /** Why the kernel was not run; absent when it was. */
  readonly refused?: readonly string[];
  /** Rounds that were run, of those that were asked for. */
  readonly rounds: number;
  readonly asked: number;
  /** Operations that were launched after recoveries. */
  readonly operations: number;
  readonly faults: readonly string[];
  /** From the deadline until all other ranks had their error: milliseconds. */
  readonly msAfterDeadline?: { readonly median: number; readonly max: number };
}

/** Sites of a captured step. */
const STEP_SITES = 8;

/** Operations from one that is checked to the next. */
const BURST = 64;

interface Round {
  readonly late: number;
  /** Whether the others wait inside a captured step. */
  readonly graph: boolean;
}

/** The ranks of one kernel, with what they launch. */
class Ranks {
  readonly #stand: Stand;
  readonly #options: RecoveryOptions;
  readonly #bindings: readonly number[];
  /** One site, and a captured step of eight. */
  readonly #single: readonly number[];
  readonly #steps: readonly number[];
  readonly #case: ExecutionCase;
  readonly #checker: Checker;
  operations = 0;

  constructor(stand: Stand, asked: ExecutionCase, options: RecoveryOptions) {
    this.#stand = stand;
    this.#case = asked;
    this.#options = options;
    this.#bindings = stand.bind(siteOf(0));
    this.#single = stand.defineSteps(this.#bindings);
    this.#steps = stand.defineSteps(this.#bindings, STEP_SITES);
    for (const steps of [this.#single, this.#steps]) stand.capture(steps, asked.tokens);
    this.#checker = (options.checker ?? hostChecker)(stand.checkerContext);
  }

  async fill(): Promise<void> {
    const inputs = new ShapeInputs(this.#stand, this.#checker);
    await inputs.fill(this.#case);
    await this.#stand.sync();
  }

  /** @returns what the other ranks reported, when all have */
  async leaveOut({ late, graph }: Round): Promise<{ ms: number; faults: string[] }> {
    const others = this.#stand.executors.filter(({ rank }) => rank !== late);
    const begun = performance.now();
    for (const executor of others) {
      if (graph) executor.enqueue(this.#steps[executor.rank]!, this.#case.tokens);
      else executor.launch(this.#bindings[executor.rank]!, this.#case.tokens);
    }
    const settled = await Promise.allSettled(others.map((executor) => executor.sync()));
    const ms = performance.now() - begun - (this.#options.deadlineMs ?? 200);
    // The rank that did not come learns of it too.
    await (this.#stand.executors[late] as Executor).sync().catch(() => {});
    const faults = settled.flatMap((result, i) => {
      const error = result.status === 'rejected' ? result.reason : undefined;
      const named = error?.code === 'ARFUSE_DEADLINE' && error.details?.missing?.[0] === late;
      return named ? [] : [`rank ${others[i]!.rank} reported ${error?.message ?? 'nothing'}`];
    });
    return { ms, faults };
  }

  /** Eager operations and captured steps, of which the first is checked and then the last of each burst. */
  async goOn(): Promise<string[]> {
    const { after = 1000 } = this.#options;
    let graph = false;
    for (let done = 0; done < after; graph = !graph) {
      const burst = done === 0 ? 1 : Math.min(BURST, after - done);
      for (let i = 0; i < burst - 1; i += 1)
        if (i % 4 === 3) this.#stand.step(this.#single, this.#case.tokens);
        else this.#stand.launch(this.#bindings, this.#case.tokens);
      const faults = await this.#checked(graph);
      done += burst;
      this.operations += burst;
      if (faults.length > 0) return faults.map((fault) => `operation ${done} after it: ${fault}`);
    }
    return [];
  }

  async #checked(graph: boolean): Promise<string[]> {
    const launch = { bindings: this.#bindings, steps: this.#single };
    const faults = await judgeLaunch(this.#case, launch, graph, {
      ...this.#options,
      stand: this.#stand,
      checker: this.#checker,
      watched: 2 ** 40,
    });
    return faults.map(({ rule, found }) => `${rule}: ${found}`);
  }

  close(): void {
    this.#checker.close();
  }
}

/**
 * Leaves out one rank after the other: the others must get the typed error that names it, the group must recover in the
 * process, and what follows must be right.
 */
export async function checkRecovery(options: RecoveryOptions): Promise<RecoveryReport> {
  const { kernel, devices, backends, rounds = 50, deadlineMs = 200, seed = 7 } = options;
  const { dtype = 'bf16', hidden = 4096, tokens = 16, capability = 90 } = options;
  const size = devices.length;
  const { plan, combinations, refusals } = executionPlan({
    kernels: [kernel],
    chains: CONFORMANCE_CHAINS.filter(({ name }) => name === 'add + norm'),
    dtype,
    hidden,
    size,
    tokens: [tokens],
    backends,
    capability,
  });
  const base = { kernel, size, asked: rounds };
  const [combination] = combinations;
  const segment = combination?.segments.get(tokens);
  if (!combination || !segment) {
    const refused = refusals.flatMap(({ reasons }) => reasons);
    return { ...base, passed: false, refused, rounds: 0, operations: 0, faults: [] };
  }
  const stand = await Stand.open({
    plan,
    devices,
    backends,
    executor: { ...options.executor, deadlineMs },
  });
  const asked = { site: combination.site, segment, size, tokens, seed, kind: 'usual' as const };
  const ms: number[] = [];
  const faults: string[] = [];
  let ranks: Ranks | undefined;
  try {
    ranks = new Ranks(stand, asked, options);
    await ranks.fill();
    for (let round = 0; round < rounds && faults.length === 0; round += 1) {
      if (options.ended?.()) break;
      const left = await ranks.leaveOut({ late: round % size, graph: round % 2 === 1 });
      ms.push(left.ms);
      const found = left.faults.length > 0 ? left.faults : await ranks.goOn();
      faults.push(...found.map((fault) => `round ${round}: ${fault}`));
    }
  } catch (error) {
    faults.push(`round ${ms.length}: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    ranks?.close();
    await stand.close();
  }
  const sorted = ms.toSorted((a, b) => a - b);
  return {
    ...base,
    passed: faults.length === 0 && ms.length > 0,
    rounds: ms.length,
    operations: ranks?.operations ?? 0,
    faults,
    ...(ms.length > 0
      ? { msAfterDeadline: { median: sorted[sorted.length >> 1]!, max: sorted.at(-1)! } }
      : {}),
  };
}
