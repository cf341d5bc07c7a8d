import type { Plan } from '@arfuse/contract';
import { Random, type ResultBytes } from '@arfuse/reference';
import { CONFORMANCE_CHAINS } from '../cases/chains.ts';
import { type Combination, executionPlan, siteOf } from '../cases/execution-plan.ts';
import { type ExecutionCase, type Expect, referenceExpect } from '../cases/expected.ts';
import { sumIsOpen } from '../judging/bounds.ts';
import { type Checker, hostChecker } from '../judging/checker.ts';
import { caseTensors } from '../ranks/case-tensors.ts';
import { lateProducer, type MakeProducer } from '../ranks/producer.ts';
import { ProducingStream } from '../ranks/producing-stream.ts';
import { judgeLaunch } from '../ranks/run-case.ts';
import { ShapeInputs } from '../ranks/shape-inputs.ts';
import { Stand } from '../ranks/stand.ts';
import type { ExecutionOptions } from './check-execution.ts';
import { ProducerRecorder, type ProducerReport } from './producer-report.ts';
import { type Shape, shapesOf } from './shapes.ts';

/** Sites behind kernels that write what they read. */
export interface ProducerOptions
  extends Pick<
    ExecutionOptions,
    | 'backends'
    | 'kernels'
    | 'devices'
    | 'capability'
    | 'sizes'
    | 'hidden'
    | 'tokens'
    | 'dtypes'
    | 'chains'
    | 'seed'
    | 'from'
    | 'expect'
    | 'checker'
    | 'exact'
    | 'executor'
    | 'onShape'
  > {
  /** Ends the run before the next kernel or chain when it says so; the shape is then the next one. */
  readonly ended?: () => boolean;
  /** Repetitions of each case that are checked, of each kind: eagerly, and as a graph. Default 50. */
  readonly repetitions?: number;
  /** Nanoseconds that a producer waits before it writes, while what follows may have started. Default 20,000. */
  readonly delay?: number;
  /** What makes producers. Default: the worst that is legal, see {@link lateProducer}. */
  readonly producer?: MakeProducer;
}

/** Contents that alternate: what a stale read finds is never what belongs there. */
const CONTENTS = 3;

/** One case with its contents: as many producers and captured steps by rank. */
interface Pair {
  readonly asked: ExecutionCase;
  readonly announce: () => void;
  /** A captured step by rank that holds producer and site. */
  readonly steps: readonly number[];
}

/** Runs the cases of one shape. */
class ProducerShape {
  readonly #shape: Shape;
  readonly #options: ProducerOptions;
  readonly #recorder: ProducerRecorder;
  readonly #seeds: Random;

  constructor(shape: Shape, options: ProducerOptions, seed: number, recorder: ProducerRecorder) {
    this.#shape = shape;
    this.#options = options;
    this.#recorder = recorder;
    this.#seeds = new Random(seed).fork(shape.name);
  }

  /** @returns whether it was run to its end */
  async run(): Promise<boolean> {
    const { backends, executor, devices, capability = 90 } = this.#options;
    const { kernels = backends[0]?.kernels.map(({ id }) => id) ?? [] } = this.#options;
    const { chains = CONFORMANCE_CHAINS, tokens = [1, 3, 16] } = this.#options;
    const shape = { ...this.#shape, kernels, chains, tokens, backends, capability };
    const { plan, combinations } = executionPlan(shape);
    if (combinations.length === 0) return true;
    const streams: ProducingStream[] = [];
    const stand = await Stand.open({
      plan,
      devices: devices(this.#shape.size),
      backends,
      ...(executor ? { executor } : {}),
      stream: (made, rank) => {
        streams[rank] = new ProducingStream(made);
        return streams[rank];
      },
    });
    const checker = (this.#options.checker ?? hostChecker)(stand.checkerContext);
    try {
      return await this.#all(plan, combinations, { stand, streams, checker });
    } finally {
      checker.close();
      await stand.close();
    }
  }

  async #all(plan: Plan, combinations: readonly Combination[], at: Place): Promise<boolean> {
    for (const [index, combination] of combinations.entries()) {
      if (this.#options.ended?.()) return false;
      const bindings = at.stand.bind(siteOf(index));
      for (const tokens of plan.target.tokens.buckets) {
        if (!combination.segments.has(tokens)) continue;
        const sound = await this.#case(combination, tokens, bindings, at);
        if (!sound) return true;
      }
    }
    return true;
  }

  /** @returns whether the ranks can go on */
  async #case(
    combination: Combination,
    tokens: number,
    bindings: readonly number[],
    at: Place,
  ): Promise<boolean> {
    const { repetitions = 50 } = this.#options;
    const { kernel, chain, site, segments } = combination;
    const segment = segments.get(tokens)!;
    const kind = sumIsOpen({ segment }) ? 'integers' : 'usual';
    const pdl = pdlOf(combination, tokens);
    const name = `${this.#shape.name}, ${chain}, ${tokens} tokens`;
    const recorder = this.#recorder;
    recorder.case(kernel, pdl);
    const opened: { close(): void }[] = [];
    try {
      const pairs = Array.from({ length: CONTENTS }, (_, content): Pair => {
        const seed = this.#seeds.fork(`${kernel} ${chain} ${tokens} ${content}`).word();
        const asked: ExecutionCase = { site, segment, size: at.stand.size, tokens, seed, kind };
        return this.#pair(asked, bindings, at, opened);
      });
      const inputs = new ShapeInputs(at.stand, at.checker);
      await inputs.fillScale(pairs[0]!.asked);
      const expect = remembered(this.#options.expect ?? referenceExpect);
      for (const how of ['eager', 'graph'] as const)
        for (let done = 0; done < repetitions; done += 1) {
          const faults = await this.#repeat(pairs, done, how, bindings, { ...at, expect });
          const found = faults.map(
            (fault) =>
              `${name}, repetition ${done + 1}, ${how}, seed ${pairs[0]!.asked.seed}: ${fault}`,
          );
          recorder.repetition(kernel, pdl, how, found);
        }
      return true;
    } catch (error) {
      const found = error instanceof Error ? error.message : String(error);
      recorder.fault(kernel, pdl, `${name}: ${found}`);
      return await at.stand.goesOn();
    } finally {
      for (const one of opened) one.close();
    }
  }

  #pair(
    asked: ExecutionCase,
    bindings: readonly number[],
    { stand, streams }: Place,
    opened: { close(): void }[],
  ): Pair {
    const { delay = 20_000, producer = lateProducer(delay) } = this.#options;
    const producers = stand.devices.map((device, rank) => {
      const tensors = caseTensors(asked, rank).map(({ name, spec }) => ({
        place: stand.place(rank, name),
        spec,
      }));
      const made = producer(device, tensors);
      opened.push(made);
      return made;
    });
    const announce = (): void => {
      for (const [rank, stream] of streams.entries()) stream.announce(producers[rank]!);
    };
    announce();
    const steps = stand.defineSteps(bindings);
    stand.capture(steps, asked.tokens);
    return { asked, announce, steps };
  }

  /** A pair of other contents, whose results nobody looks at, and right behind it one that is checked. */
  async #repeat(
    pairs: readonly Pair[],
    done: number,
    how: 'eager' | 'graph',
    bindings: readonly number[],
    { stand, checker, expect }: Place & { readonly expect: Expect },
  ): Promise<string[]> {
    const before = pairs[done % pairs.length]!;
    const pair = pairs[(done + 1) % pairs.length]!;
    const { tokens } = pair.asked;
    if (how === 'eager') {
      before.announce();
      stand.launch(bindings, tokens);
      pair.announce();
    } else stand.step(before.steps, tokens);
    const launch = { bindings, steps: pair.steps };
    const faults = await judgeLaunch(pair.asked, launch, how === 'graph', {
      ...this.#options,
      stand,
      checker,
      expect,
    });
    return faults.map(({ rule, found }) => `${rule}: ${found}`);
  }
}

/** Where cases run. */
interface Place {
  readonly stand: Stand;
  readonly streams: readonly ProducingStream[];
  readonly checker: Checker;
}

/** Whether the kernel of a combination may start before the kernel in front of it ends. */
function pdlOf({ kernel, segments }: Combination, tokens: number): boolean | null {
  const step = segments.get(tokens)!.steps.find((one) => one.kernel === kernel);
  return typeof step?.params.pdl === 'boolean' ? step.params.pdl : null;
}

/** Results by seed, which repetitions share. */
function remembered(expect: Expect): Expect {
  const known = new Map<number, ResultBytes | Promise<ResultBytes>>();
  return (asked, preNorm) => {
    if (preNorm) return expect(asked, preNorm);
    const found = known.get(asked.seed) ?? expect(asked);
    known.set(asked.seed, found);
    return found;
  };
}

/**
 * Launches every site right behind a kernel that writes what it reads (partials, residual, weights), with other contents each
 * time, eagerly and with both captured in one graph. A site that starts early and reads before it has waited finds what an
 * earlier producer left, and its results are wrong. All ranks are driven by this process.
 *
 * @throws UsageError for options
 */
export async function checkProducers(options: ProducerOptions): Promise<ProducerReport> {
  const seed = options.seed ?? Date.now() % 2 ** 31;
  const recorder = new ProducerRecorder(seed);
  let next: string | undefined;
  for (const shape of shapesOf(options)) {
    if (!options.ended?.()) {
      options.onShape?.(shape.name);
      if (await new ProducerShape(shape, options, seed, recorder).run()) continue;
    }
    next = shape.name;
    break;
  }
  return recorder.report(next);
}
