import { OpRegistry } from '../op-registry.ts';
import { COLLECTIVE_OPS } from './collectives.ts';

/** Effects of the ops that captured programs of inference engines contain. */
export const DEFAULT_OPS = new OpRegistry([...COLLECTIVE_OPS]);
