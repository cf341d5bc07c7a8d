import {
  findStage,
  type PlanSegment,
  placeSteps,
  type SiteClass,
  type SiteOutput,
} from '@arfuse/contract';
import {
  executeSteps,
  expectedBytes,
  type ReferenceStep,
  type ResultBytes,
  SimulatedRanks,
  type SiteInputBytes,
  type SiteInputs,
  storedBytes,
  tensorFromBytes,
} from '@arfuse/reference';
import { type CodesKind, makeCodes, STREAMS } from './codes.ts';

/** One launch: a site with its decision, and which made-up inputs it gets. */
export interface ExecutionCase {
  readonly site: SiteClass;
  readonly segment: Pick<PlanSegment, 'steps' | 'numerics'>;
  readonly size: number;
  /** Rows. */
  readonly tokens: number;
  /** First row, where only some rows of a launch are meant. */
  readonly row?: number;
  readonly seed: number;
  readonly kind: CodesKind;
}

/**
 * What a case leaves on every rank, by the record of its segment. With the first norm that was found, what follows it is
 * computed from that.
 */
export type Expect = (
  asked: ExecutionCase,
  preNorm?: Uint8Array,
) => ResultBytes | Promise<ResultBytes>;

/** Dequantisation scale of static FP8; global scale of NVFP4. */
const SCALES = { fp8_static: 0.01, nvfp4: 300 } as const;

const bytesOf = (view: ArrayBufferView): Uint8Array =>
  new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

/** The scale that a site gets, or undefined when its quantiser makes its own. */
export function givenScale(site: Pick<SiteClass, 'stages'>): number | undefined {
  const scheme = findStage(site.stages, 'quant')?.scheme;
  return scheme === 'fp8_static' || scheme === 'nvfp4' ? SCALES[scheme] : undefined;
}

/** Vectors and scalars of a site: everything that enters it but activations. */
export function sharedVectors({ site, seed }: Pick<ExecutionCase, 'site' | 'seed'>) {
  const { hidden, dtype, stages } = site;
  const vector = (stream: number): Uint8Array =>
    bytesOf(makeCodes({ dtype, kind: 'vector', seed, stream, hidden, row: 0, rows: 1 }));
  const scale = givenScale(site);
  return {
    ...(findStage(stages, 'norm') ? { weight: vector(STREAMS.weight) } : {}),
    ...(findStage(stages, 'bias') ? { bias: vector(STREAMS.bias) } : {}),
    ...(findStage(stages, 'pre_norm') ? { preNormWeight: vector(STREAMS.preNormWeight) } : {}),
    ...(scale === undefined ? {} : { scale: bytesOf(Float32Array.of(scale)) }),
  };
}

/** Made-up inputs of a case. */
export function caseInputs(asked: ExecutionCase): SiteInputBytes {
  const { site, size, tokens, row = 0, seed, kind } = asked;
  const { hidden, dtype, stages } = site;
  const activation = (stream: number): Uint8Array =>
    bytesOf(makeCodes({ dtype, kind, seed, stream, hidden, row, rows: tokens }));
  const partials = findStage(stages, 'merge') ? 2 : 1;
  return {
    partials: Array.from({ length: size }, (_, rank) =>
      Array.from({ length: partials }, (_unused, i) => activation(STREAMS.partial(rank, i))),
    ),
    shared: {
      ...(findStage(stages, 'residual') ? { residual: activation(STREAMS.residual) } : {}),
      ...sharedVectors(asked),
    },
  };
}

/** Inputs as the reference computes with them. */
function referenceInputs(asked: ExecutionCase): SiteInputs {
  const { dtype, hidden } = asked.site;
  const { partials, shared } = caseInputs(asked);
  const tensor = (bytes: Uint8Array, shape: readonly number[]) =>
    tensorFromBytes(dtype, shape, bytes);
  const { residual, scale, ...vectors } = shared;
  return {
    partials: partials.map((of) => of.map((bytes) => tensor(bytes, [asked.tokens, hidden]))),
    ...(residual ? { residual: tensor(residual, [asked.tokens, hidden]) } : {}),
    ...(scale ? { scale: tensorFromBytes('f32', [1], scale) } : {}),
    ...Object.fromEntries(
      Object.entries(vectors).map(([name, bytes]) => [name, tensor(bytes, [hidden])]),
    ),
  };
}

/** Stages behind the first norm of a sandwich, as steps of their own. */
export function behindPreNorm({ site, segment }: ExecutionCase): ReferenceStep[] {
  let behind = false;
  return placeSteps(site, segment.steps).flatMap(({ stages }) => {
    const at = stages.findIndex(({ kind }) => kind === 'pre_norm');
    const run = at >= 0 ? stages.slice(at + 1) : behind ? stages : [];
    behind ||= at >= 0;
    return run.length > 0 ? [{ stages: run, numerics: segment.numerics }] : [];
  });
}

/** What the reference backend leaves, bit for bit. */
export const referenceExpect: Expect = (asked, preNorm) => {
  const { site, segment, tokens } = asked;
  const inputs = referenceInputs(asked);
  if (!preNorm) return expectedBytes(site, segment, inputs)[0]!;
  const found = tensorFromBytes(site.dtype, [tokens, site.hidden], preNorm);
  const [results] = executeSteps(
    { ...site, group: 0 },
    behindPreNorm(asked),
    { ...inputs, partials: [[found]] },
    new SimulatedRanks([{ name: 'rank', size: 1 }]),
  );
  return Object.fromEntries(
    site.outputs.flatMap((name: SiteOutput) => {
      const tensor = results![name];
      return tensor ? [[name, storedBytes(site, name, tensor)]] : [];
    }),
  );
};
