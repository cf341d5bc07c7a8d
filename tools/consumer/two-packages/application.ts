// Compiled, not run: every type that an application meets comes from the two packages, without skipLibCheck.
import {
  type Graph,
  type Plan,
  type Policy,
  parseTarget,
  plan,
  readGraph,
  type Target,
} from '@arfuse/core';
import { flashinfer } from '@arfuse/flashinfer';

export async function planFirst(path: string, policy: Policy): Promise<Plan> {
  const { programs } = await readGraph(path);
  const graph: Graph | undefined = programs[0]?.graph;
  if (!graph) throw new Error(`${path} holds no program`);
  const target: Target = parseTarget('h200-sxm,world=2');
  return plan(graph, { target, use: [flashinfer()], policy });
}

export function kernelsOf(made: Plan): string[] {
  return made.decisions.flatMap(({ segments }) =>
    segments.flatMap(({ steps }) => steps.map(({ kernel }) => kernel)),
  );
}
