import { BackendError, canonicalJson, type Plan, PolicyError, placeSteps } from '@arfuse/contract';
import { createFlashInfer, flashinfer } from '@arfuse/flashinfer';
import { symmMem } from '@arfuse/symm-mem';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  firstOf,
  plan as makePlan,
  measured,
  override,
  parseTarget,
  planHash,
  printPlan,
  staticOrder,
} from '../src/index.ts';
import { kernels, ONE_SHOT, planOf, RING, TWO_SHOT, WINDOWS } from './plan-of.ts';
import { CHAINS, H200_2, sample, sourceOf } from './sample.ts';

const H200 = { use: [flashinfer(), symmMem()], target: 'h200-sxm,world=2' };

describe('decisions', () => {
  it('runs the simplest candidate where nothing is known', () => {
    const plan = planOf([{ chain: 'ar_add_rms' }, { chain: 'ar_add_rms' }]);
    expect(plan.classes).toHaveLength(1);
    expect(plan.decisions[0]!.sites).toEqual(['s0', 's1']);
    expect(plan.decisions[0]!.segments.map(({ tokens, mode }) => [tokens, mode])).toEqual([
      [[1, 512], 'graph'],
      [[513, 8192], 'eager'],
    ]);
    expect(kernels(plan)[0]![1]).toBe(RING);
    expect(plan.decisions[0]!.segments[0]!.evidence.kind).toBe('static');
    const fates = Object.fromEntries(
      plan.decisions[0]!.candidates.map(({ name, fate }) => [name, fate]),
    );
    expect(fates).toMatchObject({
      [RING]: 'chosen',
      [ONE_SHOT]: 'no evidence',
      '@arfuse/symm-mem/multimem': 'refused',
    });
  });

  it.each(Object.keys(CHAINS))('covers every stage of %s by every segment', (chain) => {
    const plan = planOf([{ chain }], {
      source: sourceOf({ [ONE_SHOT]: () => 1, [RING]: () => 2 }),
    });
    for (const { steps } of plan.decisions[0]!.segments) {
      const placed = placeSteps(plan.classes[0]!, steps);
      expect(placed.flatMap(({ stages }) => stages.map(({ kind }) => kind))).toEqual(
        plan.classes[0]!.stages.map(({ kind }) => kind),
      );
    }
  });

  it('lowers a sandwich to the fused first norm and a separate second one', () => {
    const plan = planOf([{ chain: 'ar_prepost' }], { policy: override(ONE_SHOT) });
    expect(plan.decisions[0]!.segments[0]!.steps.map(({ covers }) => covers)).toEqual([
      ['all_reduce', 'pre_norm'],
      ['residual', 'norm'],
    ]);
  });

  it('knows both orders of a merged pair', () => {
    const names = planOf([{ chain: 'merged' }]).decisions[0]!.candidates.map(({ name }) => name);
    expect(names).toContain(`@arfuse/native/add-partials + ${ONE_SHOT}`);
    expect(names).toContain(
      '@arfuse/nccl/all-reduce + @arfuse/nccl/all-reduce + @arfuse/native/add-partials + @arfuse/native/norm',
    );
    const [segment] = planOf([{ chain: 'merged' }]).decisions[0]!.segments;
    expect(segment!.deviations.map(({ name }) => name)).toEqual(['mergedPartials']);
  });

  it('says in sentences why a fused kernel cannot perform a chain', () => {
    const fate = (chain: string, name = ONE_SHOT): readonly string[] =>
      planOf([{ chain }]).decisions[0]!.candidates.find((entry) => entry.name === name)!.reasons;
    expect(fate('bias')).toEqual([
      'has no pattern that performs all_reduce → bias → residual → norm.',
    ]);
    expect(fate('scale')).toEqual(['adds the residual as it is; the site multiplies it by 0.22.']);
    expect(fate('ar_add_rms_nvfp4')).toEqual([
      'quantises to FP4 only on compute capability 10.0 and newer; on 9 it writes zeros.',
    ]);
  });

  it('switches to a fused kernel only for a gain over the margin against the best unfused one', () => {
    const at = (fused: number): string =>
      kernels(
        planOf([{ chain: 'ar_add_rms' }], {
          source: sourceOf({ [ONE_SHOT]: () => fused, [RING]: () => 200, [WINDOWS]: () => 100 }),
        }),
      )[0]![1];
    expect(at(94.999)).toBe(ONE_SHOT);
    expect(at(95)).toBe(WINDOWS);
    expect(at(99)).toBe(WINDOWS);
  });

  it('finds the exact token at which the winner changes, and keeps winners that return', () => {
    const three = (tokens: number): number =>
      tokens <= 700 ? 1 : tokens <= 1500 ? 3 : tokens <= 4001 ? 1 : 9;
    const source = sourceOf(
      { [ONE_SHOT]: three, [RING]: () => 2, [TWO_SHOT]: (tokens) => (tokens > 5000 ? 0.5 : 8) },
      [700, 1500, 4001, 5000],
    );
    const plan = planOf([{ chain: 'ar_add_rms' }], { source });
    expect(kernels(plan)).toEqual([
      [[1, 512], ONE_SHOT],
      [[513, 700], ONE_SHOT],
      [[701, 1500], RING],
      [[1501, 4001], ONE_SHOT],
      [[4002, 5000], RING],
      [[5001, 8192], TWO_SHOT],
    ]);
    const policy = firstOf(measured(), staticOrder());
    expect(kernels(planOf([{ chain: 'ar_add_rms' }], { source, policy }))).toEqual(kernels(plan));
  });

  it('equals the policy evaluated at every token count', () => {
    const winners = [ONE_SHOT, TWO_SHOT, RING, WINDOWS];
    const curve = fc.tuple(
      fc.double({ min: 1, max: 20, noNaN: true }),
      fc.double({ min: 0.01, max: 0.5, noNaN: true }),
    );
    fc.assert(
      fc.property(
        fc.tuple(curve, curve, curve, curve),
        fc.constantFrom('none', '1:2:4:8:16:24', '4:64'),
        (curves, buckets) => {
          const times = Object.fromEntries(
            winners.map((name, i) => [
              name,
              (tokens: number): number => curves[i]![0] + curves[i]![1] * tokens,
            ]),
          );
          const target = parseTarget(`h200-sxm,world=2,tokens=160,buckets=${buckets}`);
          const plan = planOf([{ chain: 'ar_add_rms' }], { target, source: sourceOf(times) });
          const { segments } = plan.decisions[0]!;
          // One target per token count leaves no range to search in.
          for (let tokens = 1; tokens <= 160; tokens += 1) {
            const launched = target.tokens.buckets.find((bucket) => bucket >= tokens) ?? tokens;
            const alone = parseTarget(`h200-sxm,world=2,tokens=${launched},buckets=${launched}`);
            const expected = planOf([{ chain: 'ar_add_rms' }], {
              target: alone,
              source: sourceOf(times),
            });
            const found = segments.find(
              (segment) => segment.tokens[0] <= tokens && tokens <= segment.tokens[1],
            )!;
            expect(found.steps).toEqual(expected.decisions[0]!.segments.at(-1)!.steps);
          }
        },
      ),
      { numRuns: 4 },
    );
  });

  it('tiles the token domain whatever the target', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9000 }),
        fc.uniqueArray(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 0, max: 600 }),
        fc.constantFrom(2, 3, 8),
        (max, sizes, graphUpTo, world) => {
          const buckets = sizes.filter((size) => size <= max);
          const target = parseTarget(
            `h200-sxm,world=${world},tokens=${max},buckets=${buckets.join(':') || 'none'},graph-up-to=${graphUpTo}`,
          );
          const plan = planOf([{ chain: 'ar_add_rms' }], {
            target,
            source: sourceOf({ [TWO_SHOT]: () => 1, [RING]: () => 2 }),
          });
          let next = 1;
          for (const { tokens, mode, steps } of plan.decisions[0]!.segments) {
            expect(tokens[0]).toBe(next);
            expect(tokens[1]).toBeGreaterThanOrEqual(tokens[0]);
            next = tokens[1] + 1;
            const rows =
              buckets.sort((a, b) => a - b).find((bucket) => bucket >= tokens[0]) ?? tokens[0];
            if (steps[0]!.kernel === TWO_SHOT) expect(rows).toBeGreaterThan(world);
            expect(mode).toBe(rows <= target.tokens.graphUpTo ? 'graph' : 'eager');
          }
          expect(next).toBe(max + 1);
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('plan', () => {
  const sites = [
    { chain: 'ar_rms' },
    { chain: 'ar_add_rms' },
    { chain: 'merged' },
    { chain: 'ar_add_rms', group: 'ep' },
  ];

  it('counts every all-reduce once', () => {
    const { summary } = planOf(sites, { plain: [{ hidden: 4096 }, { hidden: 4096 }] });
    expect(summary).toMatchObject({
      allReduces: 7,
      sites: 4,
      merged: 1,
      plain: 2,
      alreadyFused: 0,
    });
    expect(summary.allReduces).toBe(
      summary.merged * 2 + (summary.sites - summary.merged) + summary.plain,
    );
  });

  it('plans plain all-reduces too', () => {
    const plan = planOf([], { plain: [{ hidden: 4096 }, { hidden: 4096 }, { hidden: 64 }] });
    expect(plan.plain!.map(({ id, allReduces, hidden }) => [id, allReduces, hidden])).toEqual([
      ['p0', ['plain0', 'plain1'], 4096],
      ['p1', ['plain2'], 64],
    ]);
    expect(plan.plain![0]!.segments[0]!.steps[0]!.kernel).toBe('@arfuse/nccl/all-reduce');
    expect(plan.misses).toHaveLength(3);
  });

  it('decides for ops that an engine has fused already', () => {
    const { graph, matching } = sample([{ chain: 'ar_rms' }, { chain: 'ar_add_rms' }]);
    const [first, second] = matching.sites;
    const fused = (site: typeof first, hidden: number) => ({
      node: site!.anchor,
      pattern: site!.pattern,
      stages: site!.stages,
      numerics: site!.numerics,
      hidden,
      dtype: site!.dtype,
      group: site!.group,
      outputs: site!.outputs.map(({ output }) => output),
    });
    const alreadyFused = [fused(second, 4096), fused(first, 2048)];
    const plan = makePlan(graph, { ...H200, matching: { ...matching, alreadyFused } });
    expect(plan.alreadyFused.map((entry) => [entry.node, entry.class])).toEqual([
      ['tail1', 'c1'],
      ['tail0', 'c2'],
    ]);
    expect(plan.decisions.map(({ sites: of }) => of)).toEqual([['s0'], ['s1'], []]);
    expect(Object.keys(plan.slices)).toEqual(['c0', 'c1']);
  });

  it('says so when there is nothing to plan', () => {
    const plan = planOf([]);
    expect(plan).toMatchObject({ sites: [], decisions: [], summary: { allReduces: 0 } });
    expect(plan.notes.join()).toContain('no all-reduce');
  });

  it('names groups by ordinal and takes their sizes from the target', () => {
    const target = parseTarget('h200-sxm,world=2,group.ep=4');
    const plan = planOf(sites, { target });
    expect(plan.groups).toEqual([
      { name: 'tp', size: 2, nodes: 1 },
      { name: 'ep', size: 4, nodes: 1 },
    ]);
    expect(plan.classes.map(({ id, group }) => [id, group])).toEqual([
      ['c0', 0],
      ['c1', 0],
      ['c2', 0],
      ['c3', 1],
    ]);
  });

  it('refuses peer memory across nodes and still plans', () => {
    const plan = planOf(sites, { target: parseTarget('h200-sxm,world=16,nodes=2') });
    for (const { segments } of plan.decisions) {
      for (const { steps } of segments)
        for (const { kernel } of steps) expect(kernel).toMatch(/nccl\/all-reduce$|native/);
    }
  });

  it('does not depend on the order of backends, the spelling of the target or of objects', () => {
    const { graph, matching } = sample(sites);
    const base = printPlan(makePlan(graph, { ...H200, matching }));
    expect(
      printPlan(
        makePlan(graph, {
          use: [symmMem(), flashinfer()],
          target: ' world=2 , h200-sxm',
          matching,
        }),
      ),
    ).toBe(base);
    const target = parseTarget(H200.target);
    const reversed = Object.fromEntries(Object.entries(target).reverse()) as typeof target;
    expect(printPlan(makePlan(graph, { ...H200, target: reversed, matching }))).toBe(base);
    const turned = {
      ...matching,
      sites: matching.sites.map((site) => ({
        ...site,
        stages: site.stages.map(
          (stage) => Object.fromEntries(Object.entries(stage).reverse()) as typeof stage,
        ),
      })),
    };
    expect(printPlan(makePlan(graph, { ...H200, matching: turned }))).toBe(base);
  });

  it('does not depend on the rank that captured the graph', () => {
    const { graph, matching } = sample(sites);
    const onRank = (rank: number): string =>
      printPlan(
        makePlan(graph.with({ meta: { ...graph.meta, rank, source: `rank_${rank}` } }), {
          ...H200,
          matching,
        }),
      );
    expect(onRank(1)).toBe(onRank(0));
  });

  it('says what is compared where the target names an engine', () => {
    const { graph, matching } = sample(sites);
    const plan = makePlan(graph, { ...H200, matching, engine: 'vllm@0.33' });
    expect(plan.target.engine).toBe('vllm@0.33');
    expect(plan.notes.join()).toContain('vllm@0.33');
    expect(() => makePlan(graph, { ...H200, matching, engine: 'vllm' })).toThrow('name@version');
  });

  it('changes nothing but candidates for a backend that is never admitted', () => {
    const without = planOf(sites, { use: [flashinfer()] });
    const refusing = createFlashInfer({ maxWorkspaceBytes: 1 });
    const renamed = {
      ...refusing,
      name: '@acme/none',
      kernels: refusing.kernels.map((kernel) => ({
        ...kernel,
        id: kernel.id.replace('@arfuse/flashinfer', '@acme/none'),
      })),
    };
    const plan = planOf(sites, { use: [flashinfer(), renamed] });
    expect(plan.hash).toBe(without.hash);
    const bare = ({ decisions, backends: _, ...rest }: Plan): unknown => ({
      ...rest,
      decisions: decisions.map(({ candidates: __, ...decision }) => decision),
    });
    expect(canonicalJson(bare(plan))).toBe(canonicalJson(bare(without)));
  });

  it('refuses a backend that is given twice, or breaks its contract', () => {
    const { graph, matching } = sample(sites);
    expect(() => makePlan(graph, { ...H200, use: [flashinfer(), flashinfer()], matching })).toThrow(
      BackendError,
    );
    const [kernel] = flashinfer().kernels;
    const broken = {
      ...flashinfer(),
      kernels: [{ ...kernel!, admit: () => ({ admitted: false, reasons: [] }) }],
    } as const;
    expect(() => makePlan(graph, { ...H200, use: [broken], matching })).toThrow('answered admit()');
  });

  it('refuses group sizes that the graph contradicts', () => {
    const { graph, matching } = sample(sites);
    const stated = graph.with({ meta: { ...graph.meta, groupSizes: { ep: 4 } } });
    expect(() => makePlan(stated, { ...H200, matching })).toThrow(
      'group "ep" has 4 ranks in the graph, and 2 in the target',
    );
  });

  it('decides from the measured rows of the box', () => {
    const { graph, matching } = sample([{ chain: 'ar_add_rms', hidden: 8192 }]);
    const plan = makePlan(graph, { ...H200, matching });
    expect(kernels(plan)).toEqual([
      [[1, 512], ONE_SHOT],
      expect.arrayContaining([ONE_SHOT]),
      [expect.arrayContaining([8192]), RING],
    ]);
    expect(plan.decisions[0]!.segments[0]).toMatchObject({
      evidence: { kind: 'measured' },
      expectedUs: 38.55,
    });
    expect(plan.tables.map(({ name }) => name)).toContain('@arfuse/thresholds/h200-sxm-2x');
  });

  it('names a winner that is not installed, and does not choose it', () => {
    const { graph, matching } = sample([{ chain: 'ar_add_rms', hidden: 8192 }]);
    const plan = makePlan(graph, { target: H200.target, matching });
    expect(plan.notes.join('\n')).toMatch(
      /@arfuse\/flashinfer is not installed; @arfuse\/thresholds\/h200-sxm-2x@1\.0\.0 says that @arfuse\/flashinfer\/one-shot would win c0 for tokens 1–/,
    );
    for (const [, name] of kernels(plan)) expect(name).not.toContain('flashinfer');
  });

  it('keeps its hash', () => {
    const plan = planOf(sites, { plain: [{ hidden: 4096 }] });
    expect(planHash(plan)).toBe(plan.hash);
    expect(plan.hash).toMatchInlineSnapshot(
      `"f66c25dc36878b7f7f1576aa58d67ed303547ff52382b74319382c2b08658c5c"`,
    );
    const renamed: Plan = {
      ...plan,
      notes: ['other'],
      tables: [],
      sites: plan.sites.map((site) => ({ ...site, id: `x${site.id}` })),
    };
    expect(planHash(renamed)).toBe(plan.hash);
    expect(planOf(sites, { target: { ...H200_2, multicast: true } }).hash).not.toBe(plan.hash);
    expect(planOf(sites.slice(1)).hash).not.toBe(plan.hash);
  });
});

describe('deviations', () => {
  it('refuses a candidate whose deviation is not allowed by default', () => {
    const site = { chain: 'ar_add_rms_fp8_token', numerics: { nan: 'propagate' } } as const;
    const [fate] = planOf([site]).decisions[0]!.candidates.filter(({ name }) => name === ONE_SHOT);
    expect(fate).toMatchObject({
      fate: 'refused',
      reasons: [
        'deviates in nan: the program has propagate, the kernels have lost, which the policy does not allow.',
      ],
    });
  });

  it('lists the deviations of what runs', () => {
    const source = sourceOf({ [ONE_SHOT]: () => 1, [RING]: () => 2 });
    const plan = planOf([{ chain: 'ar_add_rms', numerics: { normInput: 'unrounded' } }], {
      source,
    });
    expect(plan.decisions[0]!.segments[0]!.deviations).toEqual([
      { name: 'normInput', site: 'unrounded', steps: 'rounded' },
      { name: 'weightMultiply', site: 'after', steps: 'before' },
    ]);
  });

  it('cannot be without any admitted candidate', () => {
    expect(() => planOf([{ chain: 'ar_add_rms', numerics: { allReduceRounded: false } }])).toThrow(
      PolicyError,
    );
  });
});
