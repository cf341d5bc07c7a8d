import type { SiteClass } from '@arfuse/contract';
import type { SiteInputs } from '../site.ts';
import type { RefTensor } from '../tensor/ref-tensor.ts';
import type { Random } from './random.ts';
import { activationRows, scalar, vector } from './rows.ts';

/** How the rows of made-up inputs look. */
export interface SiteInputOptions {
  readonly ranks: number;
  readonly rows: number;
  /** Instead of a fresh one: the residual stream of the site before. */
  readonly residual?: RefTensor;
  /** Rows of every kind in turn (large, tiny, zero, infinite, NaN, …) instead of usual values only. Default false. */
  readonly unusual?: boolean;
}

/** Usual values in one shape, whatever the number of rows. */
function usualRows({ dtype, hidden }: SiteClass, rows: number, random: Random): RefTensor {
  const one = activationRows(dtype, 1, hidden * rows, random, false);
  return { ...one, shape: [rows, hidden] };
}

/** Random inputs of a site for all ranks of its group; equal seeds give equal inputs. */
export function siteInputs(site: SiteClass, random: Random, options: SiteInputOptions): SiteInputs {
  const { ranks, rows, residual, unusual = false } = options;
  const stage = <K extends SiteClass['stages'][number]['kind']>(kind: K) =>
    site.stages.find(
      (found): found is Extract<SiteClass['stages'][number], { kind: K }> => found.kind === kind,
    );
  const activation = (label: string): RefTensor =>
    unusual
      ? activationRows(site.dtype, rows, site.hidden, random.fork(label), true)
      : usualRows(site, rows, random.fork(label));
  const [norm, preNorm, bias, quant] = [
    stage('norm'),
    stage('pre_norm'),
    stage('bias'),
    stage('quant'),
  ];
  const partials = stage('merge') ? 2 : 1;
  return {
    partials: Array.from({ length: ranks }, (_, rank) =>
      Array.from({ length: partials }, (_unused, i) => activation(`${rank} ${i}`)),
    ),
    ...(stage('residual') ? { residual: residual ?? activation('residual') } : {}),
    ...(norm && norm.weightDtype !== null
      ? {
          weight: vector(
            norm.weightDtype,
            site.hidden,
            random.fork('weight'),
            norm.weightBias === 1 ? 0 : 1,
          ),
        }
      : {}),
    ...(bias ? { bias: vector(bias.dtype, site.hidden, random.fork('bias'), 0) } : {}),
    ...(preNorm && preNorm.weightDtype !== null
      ? {
          preNormWeight: vector(
            preNorm.weightDtype,
            site.hidden,
            random.fork('pre-norm'),
            preNorm.weightBias === 1 ? 0 : 1,
          ),
        }
      : {}),
    ...(quant ? { scale: scalar('f32', quant.scheme === 'nvfp4' ? 448 : 0.01) } : {}),
  };
}
