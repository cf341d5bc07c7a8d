import {
  findStage,
  itemsize,
  type PlanSite,
  type QuantStage,
  type SiteClass,
  type SiteOutput,
  UsageError,
} from '@arfuse/contract';
import { type BufferSpec, bufferBytes, type DeviceBuffer } from './device-buffer.ts';

/** Inputs of a site by name. */
export type SiteInputName = 'residual' | 'weight' | 'bias' | 'preNormWeight' | 'scale';

/** What each buffer of a site holds, for the plan's largest token count. */
export interface SiteSpecs {
  /** Un-reduced partial sums of this rank: one, or two for a merged site. */
  readonly partials: readonly BufferSpec[];
  readonly inputs: Readonly<Partial<Record<SiteInputName, BufferSpec>>>;
  readonly outputs: Readonly<Partial<Record<SiteOutput, BufferSpec>>>;
}

/** Buffers of a site. An output may be the buffer of an input of the same shape: the residual is added in place. */
export interface SiteBuffers {
  readonly partials: readonly DeviceBuffer[];
  readonly inputs: Readonly<Partial<Record<SiteInputName, DeviceBuffer>>>;
  readonly outputs: Readonly<Partial<Record<SiteOutput, DeviceBuffer>>>;
}

/** Bytes in which a quantiser stores the scales of so many rows; see `scaleLayout` of the quantise stage. */
function scaleSpec(quant: QuantStage, rows: number, hidden: number): BufferSpec | undefined {
  if (quant.scaleDtype === null) return undefined;
  const groups = quant.groupSize === null ? 1 : hidden / quant.groupSize;
  const words = Math.ceil(groups / 4);
  switch (quant.scaleLayout) {
    case 'column_major_packed':
      return { dtype: 'u8', shape: [4 * (rows + (words - 1) * 4 * Math.ceil(rows / 4))] };
    case 'swizzled_128x4':
      return { dtype: 'u8', shape: [128 * Math.ceil(rows / 128), 4 * words] };
    default:
      return { dtype: quant.scaleDtype, shape: [rows, groups] };
  }
}

/** What the buffers of a site of this class hold, for launches of up to `rows` rows. */
export function siteSpecs(site: SiteClass, rows: number): SiteSpecs {
  const { hidden, dtype, stages } = site;
  const activation: BufferSpec = { dtype, shape: [rows, hidden] };
  const inputs: Partial<Record<SiteInputName, BufferSpec>> = {};
  const outputs: Partial<Record<SiteOutput, BufferSpec>> = {};
  const vector = (
    name: SiteInputName,
    of: { readonly weightDtype: BufferSpec['dtype'] | null },
  ) => {
    if (of.weightDtype !== null) inputs[name] = { dtype: of.weightDtype, shape: [hidden] };
  };
  const quant = findStage(stages, 'quant');
  const bias = findStage(stages, 'bias');
  const preNorm = findStage(stages, 'pre_norm');
  const norm = findStage(stages, 'norm');
  if (findStage(stages, 'residual')) inputs.residual = activation;
  if (bias) inputs.bias = { dtype: bias.dtype, shape: [hidden] };
  if (preNorm) vector('preNormWeight', preNorm);
  if (norm) vector('weight', norm);
  if (quant && (quant.scheme === 'fp8_static' || quant.scheme === 'nvfp4'))
    inputs.scale = { dtype: 'f32', shape: [1] };
  for (const output of site.outputs) {
    if (output === 'quant' && quant) {
      const columns = quant.scheme === 'nvfp4' ? hidden / 2 : hidden;
      outputs.quant = { dtype: quant.outputDtype, shape: [rows, columns] };
    } else if (output === 'scale' && quant) {
      const spec = scaleSpec(quant, rows, hidden);
      if (spec) outputs.scale = spec;
    } else {
      outputs[output] = activation;
    }
  }
  const partials = stages.some((stage) => stage.kind === 'merge') ? 2 : 1;
  return { partials: Array.from({ length: partials }, () => activation), inputs, outputs };
}

const ALIGNMENT = 16n;

/**
 * Checks that each buffer is what the site needs, and no other is given.
 * @throws UsageError that names the site and the buffer
 */
export function checkSiteBuffers(site: PlanSite, specs: SiteSpecs, given: SiteBuffers): void {
  const fail = (message: string): never => {
    throw new UsageError({
      message: `site ${site.id}: ${message}`,
      hint: 'executor.specs(site) says what each buffer holds.',
      details: { site: site.id },
    });
  };
  const check = (name: string, spec: BufferSpec | undefined, buffer: DeviceBuffer | undefined) => {
    if (!spec && !buffer) return;
    if (!spec) return fail(`it has no ${name}, but a buffer is given for one.`);
    const wanted = `${spec.dtype}[${spec.shape.join(', ')}]`;
    if (!buffer) return fail(`${name} is missing; it needs ${wanted}.`);
    if (itemsize(buffer.dtype) !== itemsize(spec.dtype) || buffer.bytes < bufferBytes(spec))
      return fail(`${name} is ${buffer.dtype}[${buffer.shape.join(', ')}]; it needs ${wanted}.`);
    if (buffer.address % ALIGNMENT !== 0n)
      return fail(`${name} is at 0x${buffer.address.toString(16)}, which is no multiple of 16.`);
  };
  if (given.partials.length !== specs.partials.length)
    fail(`${given.partials.length} partials are given; it needs ${specs.partials.length}.`);
  specs.partials.forEach((spec, i) => {
    check(specs.partials.length > 1 ? `partial ${i}` : 'the partial', spec, given.partials[i]);
  });
  for (const side of ['inputs', 'outputs'] as const) {
    const names = new Set([...Object.keys(specs[side]), ...Object.keys(given[side])]);
    for (const name of names) {
      const of = (set: object): unknown => (set as Record<string, unknown>)[name];
      check(
        `${side === 'inputs' ? 'input' : 'output'} "${name}"`,
        of(specs[side]) as BufferSpec | undefined,
        of(given[side]) as DeviceBuffer | undefined,
      );
    }
  }
}

/** Every buffer of a site, once each. */
export function allBuffers({ partials, inputs, outputs }: SiteBuffers): DeviceBuffer[] {
  return [...new Set([...partials, ...Object.values(inputs), ...Object.values(outputs)])];
}
