import type { Backend, Device, IoDType } from '@arfuse/contract';
import { Random } from '@arfuse/reference';
import { CONFORMANCE_CHAINS, type ConformanceChain } from '../cases/chains.ts';
import { type Combination, executionPlan } from '../cases/execution-plan.ts';
import type { ExecutionCase, Expect } from '../cases/expected.ts';
import { sumIsOpen } from '../judging/bounds.ts';
import { type Checker, type CheckerContext, hostChecker } from '../judging/checker.ts';
import { CaseLaunches } from '../ranks/case-launches.ts';
import { judgeLaunch } from '../ranks/run-case.ts';
import { ShapeInputs } from '../ranks/shape-inputs.ts';
import { Stand } from '../ranks/stand.ts';
import { memoryGrowth, type SoakMemory } from './memory-growth.ts';

/** Executors that a soak keeps open from beginning to end. */
export interface SoakShape {
  readonly name: string;
  readonly backends: readonly Backend[];
  readonly kernels: readonly string[];
  readonly devices: readonly Device[];
  readonly dtype: IoDType;
  readonly hidden: number;
  readonly tokens: readonly number[];
}

/** A long run in which everything changes between operations. */
export interface SoakOptions {
  readonly shapes: readonly SoakShape[];
  /** Operations of all ranks together. Default 100,000. */
  readonly operations?: number;
  readonly capability?: number;
  readonly chains?: readonly ConformanceChain[];
  readonly seed?: number;
  readonly expect?: Expect;
  readonly checker?: (context: CheckerContext) => Checker;
  readonly exact?: (kernel: string) => boolean;
  /** Told of the cases that come next, so that expected results can be made beforehand. */
  readonly ahead?: (asked: ExecutionCase) => void;
  /** Bytes of device memory in use, where that can be told. */
  readonly deviceBytes?: () => number;
  readonly ended?: () => boolean;
  readonly onProgress?: (operations: number) => void;
}

/** What a soak found. */
export interface SoakReport {
  readonly passed: boolean;
  readonly seed: number;
  readonly shapes: readonly string[];
  readonly asked: number;
  /** Operations that were launched and checked: each poisons outputs first and is judged as in `checkExecution`. */
  readonly operations: number;
  readonly graphReplays: number;
  readonly faults: readonly string[];
  /** After a tenth, and every tenth from there on; memory that keeps growing is a fault. */
  readonly memory: readonly SoakMemory[];
  readonly seconds: number;
}

const MOST_FAULTS = 12;
const AHEAD = 16;

/** An open shape. */
class OpenShape {
  readonly stand: Stand;
  readonly checker: Checker;
  readonly inputs: ShapeInputs;
  readonly combinations: readonly Combination[];
  readonly launches: CaseLaunches;

  private constructor(stand: Stand, checker: Checker, of: readonly Combination[]) {
    this.stand = stand;
    this.checker = checker;
    this.inputs = new ShapeInputs(stand, checker);
    this.launches = new CaseLaunches(stand);
    this.combinations = of;
  }

  static async open(shape: SoakShape, options: SoakOptions): Promise<OpenShape> {
    const { chains = CONFORMANCE_CHAINS, capability = 90 } = options;
    const size = shape.devices.length;
    const { plan, combinations } = executionPlan({ ...shape, size, chains, capability });
    const stand = await Stand.open({ plan, devices: shape.devices, backends: shape.backends });
    const checker = (options.checker ?? hostChecker)(stand.checkerContext);
    return new OpenShape(stand, checker, combinations);
  }

  async close(): Promise<void> {
    this.checker.close();
    await this.stand.close();
  }
}

/** The next operations, drawn at random. */
class Draw {
  readonly #random: Random;
  readonly #shapes: readonly OpenShape[];

  constructor(seed: number, shapes: readonly OpenShape[]) {
    this.#random = new Random(seed);
    this.#shapes = shapes.filter(({ combinations }) => combinations.length > 0);
  }

  next(): { shape: OpenShape; index: number; asked: ExecutionCase; graph: boolean } {
    const pick = (count: number): number => this.#random.word() % count;
    const shape = this.#shapes[pick(this.#shapes.length)]!;
    const index = pick(shape.combinations.length);
    const { site, segments } = shape.combinations[index]!;
    const counts = [...segments.keys()];
    const tokens = counts[pick(counts.length)]!;
    const segment = segments.get(tokens)!;
    const kind = sumIsOpen({ segment }) ? ('integers' as const) : ('usual' as const);
    // Few seeds: an output that a launch left from another operation must not be right by chance.
    const seed = pick(1 << 16);
    return {
      shape,
      index,
      asked: { site, segment, size: shape.stand.size, tokens, seed, kind },
      graph: pick(3) === 0,
    };
  }
}

const memoryOf = (operations: number, deviceBytes?: () => number): SoakMemory => {
  const { rss, heapUsed } = process.memoryUsage();
  const device = deviceBytes?.();
  return {
    operations,
    hostBytes: rss,
    heapBytes: heapUsed,
    ...(device === undefined ? {} : { deviceBytes: device }),
  };
};

/**
 * Runs operations of random shapes, chains, kernels and token counts on executors that stay open, eagerly and as graphs, and
 * checks every result. Where memory can be told it is reported, so that growth is seen.
 */
export async function checkSoak(options: SoakOptions): Promise<SoakReport> {
  const { operations = 100_000, seed = Date.now() % 2 ** 31 } = options;
  const begun = performance.now();
  const shapes: OpenShape[] = [];
  const faults: string[] = [];
  const memory: SoakMemory[] = [];
  let done = 0;
  let graphReplays = 0;
  try {
    for (const shape of options.shapes) shapes.push(await OpenShape.open(shape, options));
    const draw = new Draw(seed, shapes);
    const queue = Array.from({ length: AHEAD }, () => draw.next());
    for (const { asked } of queue) options.ahead?.(asked);
    const tenth = Math.max(1, Math.floor(operations / 10));
    while (done < operations && faults.length < MOST_FAULTS && !options.ended?.()) {
      const operation = queue.shift()!;
      queue.push(draw.next());
      options.ahead?.(queue.at(-1)!.asked);
      faults.push(...(await runOne(operation, options)));
      done += 1;
      graphReplays += operation.graph ? 1 : 0;
      if (done % tenth === 0) {
        memory.push(memoryOf(done, options.deviceBytes));
        options.onProgress?.(done);
      }
    }
  } catch (error) {
    faults.push(`operation ${done}: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    for (const shape of shapes) await shape.close();
  }
  faults.push(...memoryGrowth(memory));
  return {
    passed: faults.length === 0 && done > 0,
    seed,
    shapes: options.shapes.map(({ name }) => name),
    asked: operations,
    operations: done,
    graphReplays,
    faults,
    memory,
    seconds: Math.round((performance.now() - begun) / 100) / 10,
  };
}

async function runOne(
  { shape, index, asked, graph }: ReturnType<Draw['next']>,
  options: SoakOptions,
): Promise<string[]> {
  const { kernel, chain } = shape.combinations[index]!;
  const launch = shape.launches.of(index, asked.tokens);
  await shape.inputs.fill(asked);
  const { stand, checker } = shape;
  const found = await judgeLaunch(asked, launch, graph, { ...options, stand, checker });
  return found.map(
    (fault) =>
      `${kernel}, ${chain}, ${asked.site.dtype} hidden ${asked.site.hidden}, ${asked.tokens} tokens, seed ${asked.seed}: ${fault.rule}: ${fault.found}`,
  );
}
