import type { RawCall, RawResult } from './call.ts';
import { defineArithmetic } from './ops/arithmetic.ts';
import { defineCreation } from './ops/creation.ts';
import { defineEngineOps } from './ops/engine.ts';
import { defineShapes } from './ops/shape.ts';
import { OpTable } from './ops/table.ts';

let table: OpTable | undefined;

/** Made on first use, so that importing the package does nothing. */
function opTable(): OpTable {
  if (!table) {
    table = new OpTable();
    defineArithmetic(table);
    defineShapes(table);
    defineCreation(table);
    defineEngineOps(table);
  }
  return table;
}

/** Ops that the raw evaluator knows besides all-reduces, without overload. */
export function knownOps(): readonly string[] {
  return opTable().names();
}

/**
 * Evaluates one call on one rank.
 * @throws UnsupportedError for an op that is not known
 */
export function evaluateCall(call: RawCall): RawResult {
  const handler = opTable().get(call.node.op);
  return handler ? handler(call) : call.unsupported('it is not known');
}
