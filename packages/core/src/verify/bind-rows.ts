import { PlanError, type PlanSite } from '@arfuse/contract';
import {
  type Arg,
  type Dim,
  evaluateDim,
  type Graph,
  isConstant,
  type Node,
  parseDim,
  symbolsOf,
  type Value,
} from '@arfuse/graph';

/** A slice that can be evaluated for a row count. */
export interface BoundSlice {
  readonly graph: Graph;
  readonly symbols: Readonly<Record<string, number>>;
  readonly rows: number;
}

/**
 * Gives the symbols of a slice values such that the site has `rows` rows. A program that was captured for one fixed row
 * count is given the wanted one: every size that equals the captured count is a row count, since sites work row by row.
 * @throws PlanError when the captured row count cannot be told from the hidden size
 */
export function bindRows(graph: Graph, site: PlanSite, rows: number): BoundSlice {
  const captured = parseDim(site.rows);
  const all = new Set([...graph.symbols.keys(), ...symbolsOf(captured)]);
  const ones = Object.fromEntries([...all].map((name) => [name, 1]));
  if (isConstant(captured)) {
    const fixed = Number(captured);
    // One row looks like every other size of one: it is evaluated as it was captured.
    if (fixed === rows || fixed === 1) return { graph, symbols: ones, rows: fixed };
    if (fixed === site.hidden) {
      throw new PlanError({
        message: `site ${site.id} was captured for ${fixed} rows of ${fixed} elements: its rows cannot be told from its hidden size.`,
        hint: `Verify it with --tokens ${fixed}.`,
        details: { site: site.id, rows: fixed },
      });
    }
    return { graph: withRows(graph, fixed, rows), symbols: ones, rows };
  }
  for (const name of symbolsOf(captured)) {
    const unit = Number(evaluateDim(captured, ones) ?? Number.NaN);
    for (const value of [rows, Math.ceil(rows / unit)]) {
      const symbols = { ...ones, [name]: value };
      if (Number(evaluateDim(captured, symbols)) === rows) return { graph, symbols, rows };
    }
    const symbols = { ...ones, [name]: rows };
    const found = evaluateDim(captured, symbols);
    if (found !== undefined && Number(found) > 0) return { graph, symbols, rows: Number(found) };
  }
  return { graph, symbols: ones, rows: Number(evaluateDim(captured, ones) ?? 1) };
}

function withRows(graph: Graph, from: number, to: number): Graph {
  const dim = (given: Dim): Dim => (isConstant(given) && Number(given) === from ? to : given);
  // Sizes stand in lists; a single integer is a dimension, an exponent or a factor.
  const size = (given: Arg): Arg =>
    given.kind === 'int' && Number(given.value) === from ? { kind: 'int', value: to } : given;
  const arg = (given: Arg): Arg =>
    given.kind === 'list' || given.kind === 'tuple'
      ? { kind: given.kind, items: given.items.map(size) }
      : given;
  return graph.with({
    values: graph.values.map(
      (value): Value =>
        value.type?.kind === 'tensor'
          ? { ...value, type: { ...value.type, shape: value.type.shape.map(dim) } }
          : value,
    ),
    nodes: graph.nodes.map(
      (node): Node => ({
        ...node,
        args: node.args.map(arg),
        kwargs: Object.fromEntries(
          Object.entries(node.kwargs).map(([key, value]) => [key, arg(value)]),
        ),
      }),
    ),
  });
}
