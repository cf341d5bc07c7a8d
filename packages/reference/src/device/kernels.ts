import {
  type BoundStep,
  type DevicePlace,
  type DType,
  type ExecutionContext,
  findStage,
  itemsize,
  type KernelExecutor,
  type SiteOutput,
  type Stage,
} from '@arfuse/contract';
import { executeSteps } from '../kernels/execute.ts';
import { scaleBytes } from '../kernels/scale-layout.ts';
import { SimulatedRanks } from '../ranks/simulated-ranks.ts';
import type { SiteInputs, SiteResults } from '../site.ts';
import type { RefTensor } from '../tensor/ref-tensor.ts';
import { tensorBytes, tensorFromBytes } from '../tensor/tensor-bytes.ts';
import type { Meetings } from './collective.ts';
import { bytesAt } from './memory.ts';
import type { Multiprocessors } from './multiprocessors.ts';
import type { ReferenceLaunch } from './stream.ts';

/** One run of a simulated kernel. */
export interface KernelCall {
  readonly rank: number;
  readonly kernel: string;
  readonly rows: number;
  /** Runs of kernels of the same backend on this rank before. */
  readonly run: number;
  readonly step: BoundStep;
}

/**
 * What becomes of a run: as it should be; a kernel that waits until it is released, or for ever; or something done to its
 * results afterwards.
 */
export type Intercept = (call: KernelCall) => 'run' | 'wait' | 'never' | (() => void);

const GARBAGE = 0x5a;

/** Simulates the kernels of one backend on one rank: each does what its step's record says. */
export class SimulatedKernels implements KernelExecutor {
  readonly libraries = {};
  readonly #backend: string;
  readonly #context: ExecutionContext;
  readonly #meetings: Meetings;
  readonly #intercept: Intercept;
  /** Of a device that ranks share. */
  readonly #shared: Multiprocessors | undefined;
  #runs = 0;
  #turn = 0;
  #released = false;

  constructor(
    backend: string,
    context: ExecutionContext,
    meetings: Meetings,
    intercept: Intercept,
    shared: Multiprocessors | undefined,
  ) {
    this.#backend = backend;
    this.#context = context;
    this.#meetings = meetings;
    this.#intercept = intercept;
    this.#shared = shared;
  }

  prepare(step: BoundStep): ReferenceLaunch {
    return {
      maxRows: step.rows.max,
      begin: (rows) => this.#begin(step, rows),
      close: () => {},
    };
  }

  release(): void {
    this.#released = true;
  }

  reset(): void {
    this.#released = false;
    this.#turn = 0;
    this.#meetings.reset(this.#backend, this.#context.rank);
  }

  arrived(): Promise<readonly number[]> {
    return Promise.resolve(this.#meetings.arrived(this.#backend, this.#turn - 1));
  }

  close(): void {
    this.#meetings.reset(this.#backend, this.#context.rank);
  }

  #begin(step: BoundStep, rows: number): () => boolean {
    const { rank } = this.#context;
    const run = this.#runs;
    this.#runs += 1;
    const verdict = this.#intercept({ rank, kernel: step.kernel, rows, run, step });
    if (verdict === 'never') return () => false;
    if (verdict === 'wait') return () => this.#releasedInto(step, rows);
    const partials = step.inputs.map((place) => activation(place, step, rows).slice());
    const finish = (all: readonly (readonly Uint8Array[])[], of: number): true => {
      writeResults(step, rows, simulate(step, rows, all, of));
      if (typeof verdict === 'function') verdict();
      return true;
    };
    if (!step.stages.some(({ kind }) => kind === 'all_reduce')) {
      const run = (): true => finish([partials], 0);
      return this.#shared?.other(run) ?? run;
    }
    const turn = this.#turn;
    this.#turn += 1;
    this.#meetings.give(this.#backend, turn, rank, partials);
    const meet = (): boolean => {
      const all = this.#meetings.take(this.#backend, turn);
      return all ? finish(all, rank) : this.#releasedInto(step, rows);
    };
    return this.#shared?.meeting(meet) ?? meet;
  }

  /** A released kernel ends, and what it leaves is garbage. */
  #releasedInto(step: BoundStep, rows: number): boolean {
    if (!this.#released) return false;
    for (const place of Object.values(step.results)) activation(place, step, rows).fill(GARBAGE);
    return true;
  }
}

/** Bytes of `[rows, hidden]`; fewer where a narrower result ends sooner. */
function activation(place: DevicePlace, step: BoundStep, rows: number): Uint8Array {
  const wanted = rows * step.hidden * itemsize(step.dtype);
  return bytesAt(place, Math.min(wanted, place.memory.bytes - place.offset));
}

function vector(place: DevicePlace | undefined, dtype: DType | null, length: number) {
  if (!place || dtype === null) return undefined;
  return tensorFromBytes(dtype, [length], bytesAt(place, length * itemsize(dtype)));
}

/** What one rank's kernel computes of all ranks' partials and its own other inputs. */
function simulate(
  step: BoundStep,
  rows: number,
  partials: readonly (readonly Uint8Array[])[],
  rank: number,
): SiteResults & { carried?: RefTensor } {
  const { hidden, dtype, stages, numerics } = step;
  const shape = [rows, hidden];
  const quant = findStage(stages, 'quant');
  const residual = findStage(stages, 'residual') && step.residual;
  const named: [keyof SiteInputs, RefTensor | undefined][] = [
    ['weight', vector(step.weight, findStage(stages, 'norm')?.weightDtype ?? null, hidden)],
    ['bias', vector(step.bias, findStage(stages, 'bias')?.dtype ?? null, hidden)],
    [
      'preNormWeight',
      vector(step.preNormWeight, findStage(stages, 'pre_norm')?.weightDtype ?? null, hidden),
    ],
    ['scale', vector(step.scale, quant ? 'f32' : null, 1)],
    ['residual', residual && tensorFromBytes(dtype, shape, activation(residual, step, rows))],
  ];
  const inputs: SiteInputs = {
    partials: partials.map((of) => of.map((bytes) => tensorFromBytes(dtype, shape, bytes))),
    ...Object.fromEntries(named.filter(([, tensor]) => tensor)),
  };
  const ranks = new SimulatedRanks([{ name: 'group', size: partials.length }]);
  // The half of a merged pair is reduced by itself: to the reference it is a whole all-reduce.
  const run = stages.map(
    (stage): Stage => (stage.kind === 'all_reduce' ? { kind: 'all_reduce' } : stage),
  );
  const results = executeSteps(
    { hidden, dtype, group: 0 },
    [{ stages: run, numerics }],
    inputs,
    ranks,
  );
  return results[rank]!;
}

function writeResults(step: BoundStep, rows: number, results: SiteResults): void {
  const quant = findStage(step.stages, 'quant');
  for (const [name, place] of Object.entries(step.results)) {
    const tensor = results[name as SiteOutput];
    if (!tensor) continue;
    const bytes =
      name === 'scale' && quant ? scaleBytes(tensor, quant.scaleLayout) : tensorBytes(tensor);
    bytesAt(place, bytes.length).set(bytes);
  }
  const { carry } = step;
  const carried = results.all_reduce;
  if (carry && carried) {
    const bytes = tensorBytes({ ...carried, shape: [rows, step.hidden] });
    bytesAt(carry, bytes.length).set(bytes);
  }
}
