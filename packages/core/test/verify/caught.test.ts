import { fileURLToPath } from 'node:url';
import {
  type Backend,
  describeFailures,
  type Graph,
  GraphEditor,
  type Plan,
  parsePlan,
  plan,
  printPlan,
  readGraph,
  rewrite,
  sealPlan,
  valueArg,
  verify,
  verifyRewrite,
} from '@arfuse/core';
import { flashinfer } from '@arfuse/flashinfer';
import { beforeAll, describe, expect, it } from 'vitest';

const fixture = (path: string): string =>
  fileURLToPath(new URL(`../../../../fixtures/${path}`, import.meta.url));
const use: Backend[] = [flashinfer()];

async function planOf(path: string): Promise<{ graph: Graph; made: Plan }> {
  const { programs } = await readGraph(fixture(path));
  const graph = programs[0]!.graph;
  return { graph, made: plan(graph, { target: 'h200-sxm,world=2', use }) };
}

type Mutable<T> = {
  -readonly [K in keyof T]: T[K] extends readonly (infer I)[]
    ? Mutable<I>[]
    : T[K] extends object
      ? Mutable<T[K]>
      : T[K];
};

/** Edits a copy of a plan and seals it again, so that only the numbers can give it away. */
function edited(made: Plan, edit: (copy: Mutable<Plan>) => void): Plan {
  const copy = JSON.parse(JSON.stringify(made)) as Mutable<Plan>;
  edit(copy);
  const { hash: _, ...open } = copy as unknown as Plan;
  const sealed = sealPlan(open);
  // The forged document is a valid plan: its hash matches, its schema is right.
  expect(parsePlan(printPlan(sealed)).hash).toBe(sealed.hash);
  return sealed;
}

function failuresOf(forged: Plan): string[] {
  const report = verify(forged, { tokens: [7] });
  expect(report.passed).toBe(false);
  return describeFailures(report);
}

/** Some failure names the output and a number of ULPs. */
function expectNamed(failures: readonly string[], output: string): void {
  expect(
    failures.some((sentence) =>
      new RegExp(`output "${output}" differs by (infinitely many|[\\d.e+-]+) ULP`).test(sentence),
    ),
  ).toBe(true);
}

describe('a plan that was edited and sealed again', () => {
  let llama: { graph: Graph; made: Plan };
  let gemma: { graph: Graph; made: Plan };
  let moe: { graph: Graph; made: Plan };
  beforeAll(async () => {
    llama = await planOf('pt2/llama-tiny.tp2.pt2');
    gemma = await planOf('pt2/gemma3-tiny.tp2.pt2');
    moe = await planOf('graphs/deepseek-v2-lite.tp2.fx.txt.gz');
  });

  it('verifies as it was made', () => {
    for (const { graph, made } of [llama, gemma]) {
      const report = verify(made, { graph, tokens: [1, 7] });
      expect(describeFailures(report)).toEqual([]);
      expect(report.passed).toBe(true);
    }
  });

  it.each([1e-6, 2e-5, 1e-5 * (1 + 1e-3)])('with eps %d in place of 1e-5', (eps) => {
    const forged = edited(llama.made, (copy) => {
      for (const stage of copy.classes[0]!.stages)
        if (stage.kind === 'norm') Object.assign(stage, { eps });
    });
    expectNamed(failuresOf(forged), 'norm');
  });

  it("without Gemma's 1 + w", () => {
    const forged = edited(gemma.made, (copy) => {
      for (const stage of copy.classes[0]!.stages)
        if (stage.kind === 'norm') Object.assign(stage, { weightBias: 0 });
    });
    expectNamed(failuresOf(forged), 'norm');
  });

  it('with the weights of both norms of a sandwich swapped', () => {
    const forged = edited(gemma.made, (copy) => {
      const { inputs } = copy.slices.c0!;
      [inputs.weight, inputs.preNormWeight] = [inputs.preNormWeight, inputs.weight];
    });
    expectNamed(failuresOf(forged), 'norm');
  });

  it('with residual and partial swapped', () => {
    const forged = edited(llama.made, (copy) => {
      const { inputs } = copy.slices.c0!;
      [inputs.residual, inputs.partials] = [inputs.partials[0], [inputs.residual!]];
    });
    expectNamed(failuresOf(forged), 'residual');
  });

  it('with its outputs swapped', () => {
    const forged = edited(llama.made, (copy) => {
      const { outputs } = copy.slices.c0!;
      [outputs.norm, outputs.residual] = [outputs.residual, outputs.norm];
    });
    const failures = failuresOf(forged);
    expectNamed(failures, 'norm');
    expectNamed(failures, 'residual');
  });

  it.each([2, 0.5, 1.001])('with the residual scaled by %d', (factor) => {
    const forged = edited(llama.made, (copy) => {
      for (const stage of copy.classes[0]!.stages)
        if (stage.kind === 'residual') Object.assign(stage, { factor });
    });
    expectNamed(failuresOf(forged), 'residual');
  });

  it('with a merge that is not a sum', () => {
    const forged = edited(moe.made, (copy) => {
      const merged = copy.classes.find((site) => site.stages[0]!.kind === 'merge')!;
      const slice = copy.slices[merged.id]!.graph as {
        nodes: { op: string; args: { value?: number }[] }[];
      };
      // The first addition after the all-reduces is that of the pair.
      const sum = slice.nodes.find(
        (node) =>
          node.op.startsWith('aten.add') &&
          node.args.length === 2 &&
          node.args.every((arg) => arg.value !== undefined),
      )!;
      sum.op = sum.op.replace('add', 'sub');
    });
    expectNamed(failuresOf(forged), 'residual');
  });

  it('with numerics that its steps do not have', () => {
    const forged = edited(llama.made, (copy) => {
      for (const segment of copy.decisions[0]!.segments)
        Object.assign(segment.numerics, { weightBias: 1 });
      for (const stage of copy.classes[0]!.stages)
        if (stage.kind === 'norm') Object.assign(stage, { weightBias: 1 });
    });
    expectNamed(failuresOf(forged), 'norm');
  });

  it('with steps that leave out a stage is refused', () => {
    const forged = edited(llama.made, (copy) => {
      const [segment] = copy.decisions[0]!.segments;
      Object.assign(segment!.steps[0]!, { covers: ['all_reduce', 'norm'] });
    });
    expect(() => verify(forged, { tokens: [7] })).toThrow(/cover/);
  });
});

describe('a rewritten graph that was edited', () => {
  let graph: Graph;
  let made: Plan;
  beforeAll(async () => {
    ({ graph, made } = await planOf('pt2/llama-tiny.tp2.pt2'));
  });

  const siteNodes = (rewritten: Graph) =>
    rewritten.nodes.filter((node) => node.op === 'arfuse.site');

  it('passes as rewrite made it, per site and per step', () => {
    expect(verifyRewrite(graph, rewrite(graph, made), made).every((chain) => chain.passed)).toBe(
      true,
    );
    for (const tokens of [1, 64, 8192]) {
      const chains = verifyRewrite(graph, rewrite(graph, made, { tokens }), made, {
        perTokens: tokens,
      });
      expect(chains.every((chain) => chain.passed)).toBe(true);
    }
  });

  it('is caught when a reader reads the neighbour output', () => {
    const rewritten = rewrite(graph, made);
    const [node] = siteNodes(rewritten);
    const [residual, norm] = node!.outputs;
    const reader = rewritten.nodes.find(
      (candidate) =>
        candidate.op !== 'arfuse.site' && rewritten.users(norm!).includes(candidate.id),
    )!;
    const nodes = rewritten.nodes.map((candidate) =>
      candidate === reader
        ? {
            ...candidate,
            args: candidate.args.map((arg) =>
              arg.kind === 'value' && arg.id === norm ? valueArg(residual!) : arg,
            ),
          }
        : candidate,
    );
    const failures = verifyRewrite(graph, rewritten.with({ nodes }), made).flatMap(
      (chain) => chain.failures,
    );
    expect(failures.map((failure) => failure.reader)).toContain(reader.name);
    expect(failures[0]!.difference.ulps).toBeGreaterThan(1);
  });

  it('is caught when the outputs of a node are exchanged', () => {
    const rewritten = rewrite(graph, made);
    const target = siteNodes(rewritten)[0]!;
    const nodes = rewritten.nodes.map((node) =>
      node === target ? { ...node, outputs: node.outputs.toReversed() } : node,
    );
    const failures = verifyRewrite(graph, rewritten.with({ nodes }), made).flatMap(
      (chain) => chain.failures,
    );
    expect(failures.length).toBeGreaterThan(0);
  });

  it('is caught when the residual of a site is that of the site before the last', () => {
    const rewritten = rewrite(graph, made);
    const [first, second, third] = siteNodes(rewritten);
    const wrong = first!.outputs[0]!;
    const right = second!.outputs[0]!;
    expect(third!.kwargs.residual).toEqual(valueArg(right));
    const nodes = rewritten.nodes.map((node) =>
      node === third ? { ...node, kwargs: { ...node.kwargs, residual: valueArg(wrong) } } : node,
    );
    const failed = (): boolean =>
      verifyRewrite(graph, rewritten.with({ nodes }), made).some((chain) => !chain.passed);
    let caught = false;
    try {
      caught = failed();
    } catch (error) {
      caught = /neither an input of its site nor a result/.test(String(error));
    }
    expect(caught).toBe(true);
  });

  it('cannot lose a value that is still read', () => {
    const editor = new GraphEditor(graph);
    const reduce = graph.nodesOf('_c10d_functional.all_reduce')[0]!;
    editor.removeNode(reduce.id);
    expect(() => editor.finish()).toThrow(/reads "all_reduce"/);
  });
});
