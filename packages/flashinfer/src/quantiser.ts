import type { QuantStage, StepRequest } from '@arfuse/contract';

/** How the kernels quantise; what differs is refused, since it changes the stored bytes. */
interface OwnQuantiser {
  readonly outputDtype: QuantStage['outputDtype'];
  readonly scaleDtype: QuantStage['scaleDtype'];
  readonly scaleFloor: number | null;
  readonly scaleForm: QuantStage['scaleForm'];
  readonly layouts: readonly QuantStage['scaleLayout'][];
  readonly groups: readonly (number | null)[];
}

const OWN: Readonly<Record<QuantStage['scheme'], OwnQuantiser>> = {
  // One f32 scale for all; it is an input, and elements are multiplied by its reciprocal.
  fp8_static: {
    outputDtype: 'f8e4m3fn',
    scaleDtype: null,
    scaleFloor: null,
    scaleForm: 'reciprocal',
    layouts: ['none'],
    groups: [null],
  },
  // One scale per row: the order of storage is the same whatever it is called.
  fp8_token: {
    outputDtype: 'f8e4m3fn',
    scaleDtype: 'f32',
    scaleFloor: 1 / (512 * 448),
    scaleForm: 'divide',
    layouts: ['none', 'row_major', 'column_major', 'linear'],
    groups: [null],
  },
  fp8_group: {
    outputDtype: 'f8e4m3fn',
    scaleDtype: 'f8e8m0fnu',
    scaleFloor: 1e-10,
    scaleForm: 'divide',
    layouts: ['column_major_packed'],
    groups: [64, 128],
  },
  nvfp4: {
    outputDtype: 'f4e2m1fnx2',
    scaleDtype: 'f8e4m3fn',
    scaleFloor: null,
    scaleForm: 'reciprocal',
    layouts: ['swizzled_128x4', 'linear'],
    groups: [16],
  },
};

const show = (value: number | string | null): string => (value === null ? 'none' : String(value));

/** Why the kernels cannot quantise as the site does. */
export function quantRefusals(
  quant: QuantStage,
  { hidden, dtype, target }: StepRequest,
): (string | false)[] {
  const own = OWN[quant.scheme];
  const { scheme } = quant;
  return [
    scheme === 'nvfp4' &&
      target.capability < 100 &&
      `quantises to FP4 only on compute capability 10.0 and newer; on ${target.capability / 10} it writes zeros.`,
    scheme === 'nvfp4' && dtype === 'f32' && 'has no FP4 form for f32 activations.',
    quant.outputDtype !== own.outputDtype &&
      `stores ${own.outputDtype} for ${scheme}; the site stores ${quant.outputDtype}.`,
    !own.groups.includes(quant.groupSize) &&
      `shares a ${scheme} scale among ${own.groups.map(show).join(' or ')} elements; the site among ${show(quant.groupSize)}.`,
    quant.groupSize !== null &&
      hidden % quant.groupSize !== 0 &&
      `needs rows that are whole groups of ${quant.groupSize}; hidden is ${hidden}.`,
    quant.scaleDtype !== own.scaleDtype &&
      (scheme === 'fp8_group'
        ? `writes group scales as packed UE8M0; the site's are ${show(quant.scaleDtype)}.`
        : `keeps ${scheme} scales as ${show(own.scaleDtype)}; the site as ${show(quant.scaleDtype)}.`),
    quant.scaleFloor !== own.scaleFloor &&
      `has the smallest ${scheme} scale ${show(own.scaleFloor)}; the site has ${show(quant.scaleFloor)}.`,
    quant.scaleForm !== own.scaleForm &&
      `${own.scaleForm === 'divide' ? 'divides by the scale' : 'multiplies by the reciprocal of the scale'} for ${scheme}; the site ${
        quant.scaleForm === 'divide' ? 'divides by it' : 'multiplies by the reciprocal'
      }.`,
    !own.layouts.includes(quant.scaleLayout) &&
      `stores ${scheme} scales as ${own.layouts.join(' or ')}; the site as ${quant.scaleLayout}.`,
  ];
}
