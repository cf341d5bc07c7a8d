import { type Plan, placeSteps } from '@arfuse/contract';
import { flashinfer } from '@arfuse/flashinfer';
import {
  executeSteps,
  Random,
  type RefTensor,
  SimulatedRanks,
  type SiteInputs,
  siteInputBytes,
  siteInputs,
  tensorBytes,
} from '@arfuse/reference';
import type { DeviceBuffer, Executor } from '@arfuse/runtime';
import { symmMem } from '@arfuse/symm-mem';
import { expect, it } from 'vitest';
import { parseTarget, plan, readGraph } from '../../src/index.ts';
import { openRanks } from './ranks.ts';

const GRAPH = new URL('../../../../fixtures/graphs/llama3-8b.tp2.fx.txt.gz', import.meta.url);
const TARGET = parseTarget('h200-sxm,world=2,tokens=2,buckets=1:2,graph-up-to=2');

/** Inputs of every site in turn, and what it leaves, where the residual of each is the sum of the one before. */
function chain(made: Plan) {
  const ranks = new SimulatedRanks([{ name: 'tp', size: 2 }]);
  const inputs: SiteInputs[] = [];
  const norms: Uint8Array[] = [];
  let residual: RefTensor | undefined;
  let last: RefTensor | undefined;
  for (const [at, { class: of }] of made.sites.entries()) {
    const site = made.classes.find(({ id }) => id === of)!;
    const segment = made.decisions.find((decision) => decision.class === of)!.segments[0]!;
    const steps = placeSteps(site, segment.steps).map(({ stages }) => ({
      stages,
      numerics: segment.numerics,
    }));
    const given = siteInputs(site, new Random(at), {
      ranks: 2,
      rows: 1,
      ...(residual ? { residual } : {}),
    });
    const [results] = executeSteps({ ...site, group: 0 }, steps, given, ranks);
    inputs.push(given);
    norms.push(tensorBytes(results!.norm!));
    if (site.outputs.includes('residual')) last = results!.residual;
    residual = results!.residual;
  }
  return { inputs, norms, residual: tensorBytes(last!) };
}

/** Sites whose residual is one buffer, added to in place; each with partials, weight and norm of its own. */
async function bindAll(executor: Executor, inputs: readonly SiteInputs[]) {
  const { sites, classes } = executor.plan;
  const residual = executor.allocate({ dtype: 'bf16', shape: [2, 4096] });
  const norms: DeviceBuffer[] = [];
  const ids: number[] = [];
  for (const [at, { id, class: of }] of sites.entries()) {
    const leaves = classes.find((site) => site.id === of)!.outputs;
    const { partials, shared } = siteInputBytes(inputs[at]!);
    const partial = executor.allocate({ dtype: 'bf16', shape: [2, 4096] });
    const weight = executor.allocate({ dtype: 'bf16', shape: [4096] });
    const norm = executor.allocate({ dtype: 'bf16', shape: [2, 4096] });
    await executor.write(partial, partials[executor.rank]![0]!);
    await executor.write(weight, shared.weight!);
    ids.push(
      executor.bind(id, {
        partials: [partial],
        inputs: { residual, weight },
        // Nothing reads the sum of the last site.
        outputs: leaves.includes('residual') ? { residual, norm } : { norm },
      }),
    );
    norms.push(norm);
  }
  return { residual, norms, ids, first: siteInputBytes(inputs[0]!).shared.residual! };
}

it('runs all 64 sites of Llama 3 8B as one step, eagerly and as a graph, bit for bit', async () => {
  const { programs } = await readGraph(GRAPH);
  const made = plan(programs[0]!.graph, { target: TARGET, use: [flashinfer(), symmMem()] });
  expect(made.sites).toHaveLength(64);
  const expected = chain(made);
  const { executors } = await openRanks(made, { deadlineMs: 50_000 });
  const bound = await Promise.all(executors.map((each) => bindAll(each, expected.inputs)));
  const ids = executors.map((each, rank) => each.defineStep(bound[rank]!.ids));
  const run = async () => {
    await Promise.all(
      executors.map((each, rank) => each.write(bound[rank]!.residual, bound[rank]!.first)),
    );
    await Promise.all(executors.map((each, rank) => each.step(ids[rank]!, 1)));
    for (const [rank, executor] of executors.entries()) {
      const { residual, norms } = bound[rank]!;
      expect(await executor.read(residual, expected.residual.length)).toEqual(expected.residual);
      for (const [at, norm] of norms.entries())
        expect(await executor.read(norm, expected.norms[at]!.length)).toEqual(expected.norms[at]);
    }
  };
  await run();
  for (const [rank, executor] of executors.entries()) executor.capture(ids[rank]!);
  await run();
  await Promise.all(executors.map((executor) => executor.close()));
}, 180_000);
