import { formatStages, libraryVersionAtLeast, type StepRequest } from '@arfuse/contract';
import { GROUP_SIZES, mostThreads, threadsPerBlock, vectorElements } from './launch-shape.ts';
import { quantRefusals } from './quantiser.ts';
import { type FusionRun, fusionRun } from './run.ts';
import {
  lamportBytes,
  MAX_ELEMENTS,
  MAX_LAMPORT_BYTES,
  type Shot,
  slotElements,
  workspaceBytes,
} from './workspace.ts';

export interface FusionOptions {
  readonly pdl: boolean;
  readonly maxWorkspaceBytes: number | undefined;
}

type Refusals = (string | false | undefined)[];

/** Floors: partial-warp norms are right from 0.6.15, PDL from 0.7.1, the two-shot barrier from 0.7.2. */
const FLOOR = { 'one-shot': '0.6.15', 'two-shot': '0.7.2', pdl: '0.7.1' } as const;

/** What the box and the group must offer. */
function boxRefusals(shot: Shot, { group, target }: StepRequest, options: FusionOptions): Refusals {
  const major = Math.floor(target.capability / 10);
  const floor = options.pdl && shot === 'one-shot' ? FLOOR.pdl : FLOOR[shot];
  const version = target.libraries.flashinfer;
  return [
    group.nodes > 1 &&
      `writes to its peers' memory, which needs one node; the group spans ${group.nodes}.`,
    !GROUP_SIZES.includes(group.size) &&
      `is compiled for groups of ${GROUP_SIZES.join(', ')}; this one has ${group.size} ranks.`,
    target.interconnect === 'none' &&
      "needs peer access between GPUs; the target's interconnect is none.",
    ![9, 10, 12].includes(major) &&
      `runs on compute capability 9.x, 10.x and 12.x; the target has ${target.capability / 10}.`,
    version !== undefined &&
      !libraryVersionAtLeast(version, floor) &&
      `needs FlashInfer ≥ ${floor}${options.pdl ? ' with PDL' : ''}; the target has ${version}.`,
  ];
}

/** What the chain's attributes must be. */
function attributeRefusals(run: FusionRun, request: StepRequest): Refusals {
  const { dtype, outputs } = request;
  const { residual, norm, quant } = run;
  return [
    residual !== undefined &&
      residual.factor !== null &&
      `adds the residual as it is; the site multiplies it by ${residual.factor}.`,
    residual !== undefined &&
      outputs.includes('all_reduce') &&
      'never writes the all-reduce result when it adds a residual, and the graph reads it.',
    norm !== undefined &&
      norm.weightDtype === null &&
      'multiplies by a weight, and the norm has none.',
    norm !== undefined &&
      norm.weightDtype !== null &&
      norm.weightDtype !== dtype &&
      `reads the norm's weight in the activations' ${dtype}; it is ${norm.weightDtype}.`,
    ...(quant ? quantRefusals(quant, request) : []),
  ];
}

/** What the message size must be. */
function sizeRefusals(
  shot: Shot,
  run: FusionRun,
  request: StepRequest,
  options: FusionOptions,
): Refusals {
  const { hidden, dtype, rows, group } = request;
  const multiple = vectorElements(dtype);
  const aligned = hidden % multiple === 0;
  const { scheme, groupSize = null } = run.quant ?? {};
  // A group of FP4 lies within a thread pair.
  const threads = threadsPerBlock(hidden, dtype, scheme === 'fp8_group' ? groupSize : null);
  const most = mostThreads(shot, group.size, groupSize !== null);
  const bytes = workspaceBytes(shot, request, needsZeroResidual(run));
  return [
    !aligned &&
      `needs a hidden size that is a multiple of ${multiple} for ${dtype}; it is ${hidden}.`,
    aligned &&
      threads > most &&
      `would need ${threads} threads per block for hidden ${hidden}; the limit is ${most}.`,
    shot === 'two-shot' &&
      aligned &&
      threads < group.size &&
      `needs a thread per rank in a block; rows of ${hidden} have ${threads}.`,
    shot === 'two-shot' &&
      rows.min <= group.size &&
      `needs more tokens than ranks; ${rows.min} ${rows.min === 1 ? 'token is' : 'tokens are'} asked of a group of ${group.size}.`,
    shot === 'one-shot' &&
      lamportBytes(request) > MAX_LAMPORT_BYTES &&
      `needs a Lamport buffer of ${lamportBytes(request)} bytes for ${rows.max} tokens; it must stay below 1 GiB.`,
    slotElements(request) > MAX_ELEMENTS &&
      `counts elements in 32 bits; ${rows.max} tokens of ${group.size} ranks have ${slotElements(request)}.`,
    options.maxWorkspaceBytes !== undefined &&
      bytes > options.maxWorkspaceBytes &&
      `needs a workspace of ${bytes} bytes for ${rows.max} tokens; the limit is ${options.maxWorkspaceBytes}.`,
  ];
}

/** Every pattern with a norm adds a residual; where the site has none, a zeroed one is fed. */
export function needsZeroResidual(run: FusionRun): boolean {
  return run.norm !== undefined && run.residual === undefined;
}

export function refusals(shot: Shot, request: StepRequest, options: FusionOptions): Refusals {
  const run = fusionRun(request.stages);
  if (!run) return [`has no pattern that performs ${formatStages(request.stages)}.`];
  return [
    ...boxRefusals(shot, request, options),
    ...attributeRefusals(run, request),
    ...sizeRefusals(shot, run, request, options),
  ];
}
