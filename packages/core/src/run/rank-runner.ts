import {
  findStage,
  type Plan,
  PlanError,
  type PlanSegment,
  placeSteps,
  type SiteClass,
  type SiteOutput,
  UsageError,
} from '@arfuse/contract';
import {
  executeSteps,
  type RefTensor,
  SimulatedRanks,
  type SiteInputs,
  type SiteResults,
  scaleBytes,
  tensorBytes,
} from '@arfuse/reference';
import type { DeviceBuffer, Executor, SiteBuffers, SiteInputName } from '@arfuse/runtime';

/** Stored bytes of a site's results on one rank. */
export type ResultBytes = Readonly<Partial<Record<SiteOutput, Uint8Array>>>;

const INPUT_NAMES: readonly SiteInputName[] = [
  'residual',
  'weight',
  'bias',
  'preNormWeight',
  'scale',
];

/** What device memory holds before a run, so that an element which no kernel wrote is seen. */
const POISON = 0xa5;

/** Buffers of one class on one rank. */
interface Seat {
  readonly binding: number;
  readonly buffers: SiteBuffers;
}

/** Bytes of a result as a kernel stores it. */
export function storedBytes(site: SiteClass, name: SiteOutput, tensor: RefTensor): Uint8Array {
  const quant = findStage(site.stages, 'quant');
  return name === 'scale' && quant ? scaleBytes(tensor, quant.scaleLayout) : tensorBytes(tensor);
}

/**
 * What the steps of a segment are to leave, bit for bit, by their own record.
 * @returns bytes by rank
 */
export function expectedBytes(
  site: SiteClass,
  segment: PlanSegment,
  inputs: SiteInputs,
): ResultBytes[] {
  const steps = placeSteps(site, segment.steps).map(({ stages }) => ({
    stages,
    numerics: segment.numerics,
  }));
  const ranks = new SimulatedRanks([{ name: 'group', size: inputs.partials.length }]);
  return executeSteps({ ...site, group: 0 }, steps, inputs, ranks).map((results: SiteResults) =>
    Object.fromEntries(
      site.outputs.flatMap((name) => {
        const tensor = results[name];
        return tensor ? [[name, storedBytes(site, name, tensor)]] : [];
      }),
    ),
  );
}

/**
 * Runs sites of a plan on the executors of all ranks of this process, for tests and measurements: buffers are filled from
 * host tensors, outputs are poisoned, and results come back as bytes.
 */
export class RankRunner {
  readonly plan: Plan;
  readonly executors: readonly Executor[];
  /** By class and rank. */
  readonly #seats = new Map<string, readonly Seat[]>();

  /** @throws UsageError unless there is one executor per rank, all of one plan */
  constructor(executors: readonly Executor[]) {
    const [first] = executors;
    const ranks = new Set(executors.map(({ rank }) => rank));
    if (!first || ranks.size !== first.size) {
      throw new UsageError({
        message: `${executors.length} executors are given for ${first?.size ?? 'no'} ranks.`,
        hint: 'Give the executor of every rank, once.',
      });
    }
    this.plan = first.plan;
    this.executors = executors.toSorted((a, b) => a.rank - b.rank);
  }

  /** Ids by which the ranks launch a class. */
  bindings(id: string): readonly number[] {
    return this.#bound(id).map(({ binding }) => binding);
  }

  /** Fills the buffers of a class at every rank, and poisons its outputs. */
  async fill(id: string, inputs: SiteInputs): Promise<void> {
    const seats = this.#bound(id);
    await this.#each(async (executor, rank) => {
      const { partials, inputs: named, outputs } = seats[rank]!.buffers;
      for (const [i, buffer] of partials.entries())
        await executor.write(buffer, tensorBytes(inputs.partials[rank]![i]!));
      for (const name of INPUT_NAMES) {
        const [buffer, tensor] = [named[name], inputs[name]];
        if (buffer && tensor) await executor.write(buffer, tensorBytes(tensor));
      }
      for (const buffer of Object.values(outputs))
        await executor.write(buffer, new Uint8Array(buffer.bytes).fill(POISON));
    });
  }

  /** Launches a class for so many rows at every rank, in turn, and waits for all. */
  async launch(id: string, tokens: number): Promise<void> {
    const seats = this.#bound(id);
    for (const executor of this.executors) executor.launch(seats[executor.rank]!.binding, tokens);
    await this.sync();
  }

  /** Waits for all ranks; each has the same failure, of which one is thrown. */
  async sync(): Promise<void> {
    await this.#each((executor) => executor.sync());
  }

  /** What the outputs of a class hold: their first bytes, as many as a launch of so many rows writes. */
  async read(id: string, expected: readonly ResultBytes[]): Promise<ResultBytes[]> {
    const seats = this.#bound(id);
    return await this.#each(async (executor, rank) => {
      const found: Partial<Record<SiteOutput, Uint8Array>> = {};
      for (const [name, buffer] of Object.entries(seats[rank]!.buffers.outputs))
        found[name as SiteOutput] = await executor.read(
          buffer,
          expected[rank]![name as SiteOutput]!.length,
        );
      return found;
    });
  }

  /** Whether nothing was written behind the results of a launch. */
  async untouchedBehind(id: string, expected: readonly ResultBytes[]): Promise<boolean> {
    const seats = this.#bound(id);
    const answers = await this.#each(async (executor, rank) => {
      for (const [name, buffer] of Object.entries(seats[rank]!.buffers.outputs)) {
        const { length } = expected[rank]![name as SiteOutput]!;
        const bytes = await executor.read(buffer);
        if (bytes.subarray(length).some((byte) => byte !== POISON)) return false;
      }
      return true;
    });
    return answers.every(Boolean);
  }

  /** Closes the executors and the buffers. */
  async close(): Promise<void> {
    await this.#each((executor) => executor.close());
    for (const seats of this.#seats.values())
      for (const { buffers } of seats) for (const buffer of everyBuffer(buffers)) buffer.close();
    this.#seats.clear();
  }

  #bound(id: string): readonly Seat[] {
    const known = this.#seats.get(id);
    if (known) return known;
    const site = this.plan.sites.find((candidate) => candidate.class === id);
    if (!site) {
      throw new PlanError({
        message: `the plan has no site of class "${id}".`,
        hint: 'Name a class of a site.',
      });
    }
    const seats = this.executors.map((executor) => {
      const buffers = executor.allocateSite(site.id);
      return { binding: executor.bind(site.id, buffers), buffers };
    });
    this.#seats.set(id, seats);
    return seats;
  }

  /** All ranks at once: a rank that waits for another must not keep it from being called. */
  async #each<T>(act: (executor: Executor, rank: number) => Promise<T>): Promise<T[]> {
    const settled = await Promise.allSettled(
      this.executors.map((executor, rank) => act(executor, rank)),
    );
    const failed = settled.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
    return settled.map((result) => (result as PromiseFulfilledResult<T>).value);
  }
}

function everyBuffer({ partials, inputs, outputs }: SiteBuffers): DeviceBuffer[] {
  return [...partials, ...Object.values(inputs), ...Object.values(outputs)];
}
