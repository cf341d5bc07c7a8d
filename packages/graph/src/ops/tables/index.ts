import { OpRegistry } from '../op-registry.ts';
import { COLLECTIVE_OPS } from './collectives.ts';
import { FUSED_OPS } from './fused.ts';
import { NORM_OPS } from './norms.ts';
import { QUANTISER_OPS } from './quantisers.ts';
import { CHECK_OPS, VIEW_OPS, WRITING_OPS } from './views.ts';

/** Effects of the ops that captured programs of inference engines contain. */
export const DEFAULT_OPS = new OpRegistry([
  ...COLLECTIVE_OPS,
  ...FUSED_OPS,
  ...NORM_OPS,
  ...QUANTISER_OPS,
  ...VIEW_OPS,
  ...CHECK_OPS,
  ...WRITING_OPS,
]);
