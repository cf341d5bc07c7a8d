import { type BoundStep, findStage, itemsize, type SiteOutput, type Stage } from '@arfuse/contract';
import { type NativeArithmetic, type NativeNormLaunch, normLaunch } from '@arfuse/native';
import type { ResultBytes } from '@arfuse/reference';
import { type Codes, type CodesSpec, makeCodes, STREAMS } from './codes.ts';
import { type ExecutionCase, type Expect, givenScale } from './expected.ts';
import { scaleByteCount } from './scale-places.ts';

/** What makes codes; the addon's is the faster one. */
export type FillCodes = (spec: CodesSpec, codes: Codes) => void;

const bytesOf = (view: ArrayBufferView): Uint8Array =>
  new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

/** Stages that arfuse's norm kernel performs, behind the all-reduce or behind the first norm. */
function localStages({ site }: ExecutionCase, behindPreNorm: boolean): readonly Stage[] {
  const { stages } = site;
  if (behindPreNorm) return stages.slice(stages.findIndex(({ kind }) => kind === 'pre_norm') + 1);
  return stages.filter(({ kind }) => kind !== 'merge' && kind !== 'all_reduce');
}

/**
 * Expected results by the addon's arithmetic on the host, which its own tests hold to the reference bit by bit: hundreds of
 * times as fast. It adds in rank order, in float32, and rounds once, as every kernel does whose record says `rank`.
 */
export function hostExpect(arithmetic: NativeArithmetic, fill?: FillCodes): Expect {
  const make = (spec: CodesSpec): Codes => {
    if (!fill) return makeCodes(spec);
    const count = spec.rows * spec.hidden;
    const codes = spec.dtype === 'f32' ? new Uint32Array(count) : new Uint16Array(count);
    fill(spec, codes);
    return codes;
  };
  return (asked, preNorm) => {
    const { site, size, tokens, row = 0, seed, kind } = asked;
    const { dtype, hidden, stages } = site;
    const elements = tokens * hidden;
    const activation = (stream: number): Codes =>
      make({ dtype, kind, seed, stream, hidden, row, rows: tokens });
    const vector = (stream: number): Codes =>
      make({ dtype, kind: 'vector', seed, stream, hidden, row: 0, rows: 1 });
    const add = (partials: readonly Codes[]): Codes => {
      const out = dtype === 'f32' ? new Uint32Array(elements) : new Uint16Array(elements);
      arithmetic.allReduce({ dtype, elements, rounds: false, partials, out });
      return out;
    };
    const merged = findStage(stages, 'merge') !== undefined;
    const partial = (rank: number): Codes => {
      const [first, second] = [0, 1].map((i) => STREAMS.partial(rank, i));
      return merged ? add([activation(first!), activation(second!)]) : activation(first!);
    };
    const reduced = preNorm ?? add(Array.from({ length: size }, (_, rank) => partial(rank)));
    const results: Partial<Record<SiteOutput, ArrayBufferView>> = {};
    const run = localStages(asked, preNorm !== undefined);
    if (!preNorm) results.all_reduce = reduced;
    const quant = findStage(run, 'quant');
    for (const { kind: stage } of run)
      if (stage === 'pre_norm' || stage === 'residual' || stage === 'norm')
        results[stage] = new Uint8Array(elements * itemsize(dtype));
    if (run.some(({ kind: stage }) => stage === 'bias' || stage === 'scale'))
      results.all_reduce = new Uint8Array(elements * itemsize(dtype));
    if (quant) {
      results.quant = new Uint8Array(quant.scheme === 'nvfp4' ? elements / 2 : elements);
      const bytes = scaleByteCount(quant, tokens, hidden);
      if (bytes > 0) results.scale = new Uint8Array(bytes);
    }
    if (run.length > 0) {
      const scale = givenScale(site);
      // A launch on the host has arrays where one on the GPU has places.
      const step = {
        kernel: '@arfuse/native/norm',
        params: {},
        stages: run,
        outputs: Object.keys(results),
        numerics: asked.segment.numerics,
        hidden,
        dtype,
        rows: { min: tokens, max: tokens },
        inputs: [reduced],
        results,
        ...(findStage(run, 'residual') ? { residual: activation(STREAMS.residual) } : {}),
        ...(findStage(run, 'norm') ? { weight: vector(STREAMS.weight) } : {}),
        ...(findStage(run, 'bias') ? { bias: vector(STREAMS.bias) } : {}),
        ...(findStage(run, 'pre_norm') ? { preNormWeight: vector(STREAMS.preNormWeight) } : {}),
        ...(scale === undefined ? {} : { scale: Float32Array.of(scale) }),
      } as unknown as BoundStep;
      arithmetic.norm(normLaunch(step) as unknown as NativeNormLaunch);
    }
    const expected: Partial<Record<SiteOutput, Uint8Array>> = {};
    for (const name of site.outputs) {
      const made = results[name];
      if (made) expected[name] = bytesOf(made);
    }
    return expected as ResultBytes;
  };
}
