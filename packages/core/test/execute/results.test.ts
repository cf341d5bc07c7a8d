import type { SiteClass } from '@arfuse/contract';
import { expectedBytes, Random, siteInputBytes, siteInputs } from '@arfuse/reference';
import { LocalRanks } from '@arfuse/runtime';
import { describe, expect, it } from 'vitest';
import { override } from '../../src/policy/index.ts';

import { parseTarget } from '../../src/target/index.ts';
import { planOf } from '../plan-of.ts';
import { CHAINS, type SampleSite } from '../sample.ts';
import { openRanks } from './ranks.ts';

/** Token counts to launch, by group size. */
const TOKENS: Readonly<Record<number, readonly number[]>> = { 2: [1, 3, 16], 4: [5] };

async function check(sites: readonly SampleSite[], kernel?: string, world = 2): Promise<string[]> {
  const plan = planOf(sites, {
    target: parseTarget(`h200-sxm,world=${world},tokens=16`),
    ...(kernel === undefined ? {} : { policy: override(kernel) }),
  });
  const { executors } = await openRanks(plan);
  const runner = new LocalRanks(executors);
  for (const { id, segments } of plan.classes.map((site: SiteClass) => ({
    id: site.id,
    segments: plan.decisions.find((decision) => decision.class === site.id)!.segments,
  }))) {
    const site = plan.classes.find((candidate) => candidate.id === id)!;
    for (const tokens of TOKENS[world]!) {
      const mode = tokens <= plan.target.tokens.graphUpTo ? 'graph' : 'eager';
      const serves = segments.filter(({ tokens: [min, max] }) => min <= tokens && tokens <= max);
      const segment = serves.find((candidate) => candidate.mode === mode) ?? serves[0]!;
      const inputs = siteInputs(site, new Random(tokens), { ranks: world, rows: tokens });
      const expected = expectedBytes(site, segment, inputs);
      await runner.fill(id, siteInputBytes(inputs));
      await runner.launch(id, tokens);
      expect(await runner.read(id, expected), `${id} at ${tokens} tokens`).toEqual(expected);
      expect(await runner.strayWrite(id, expected)).toBeUndefined();
    }
  }
  await runner.close();
  return plan.decisions.flatMap(({ segments }) =>
    segments.map(({ steps }) => steps.map((step) => step.kernel).join(' + ')),
  );
}

describe('an executor on reference devices', () => {
  describe.each([2, 4])('of %i ranks', (world) => {
    it.each(Object.keys(CHAINS))('leaves what the steps of %s are to leave', async (chain) => {
      await check([{ chain, hidden: 256 }], undefined, world);
    });
  });

  it.each([
    ['@arfuse/nccl/all-reduce', 'ar_add_rms', 2],
    ['@arfuse/symm-mem/one-shot', 'ar_prepost', 2],
    ['@arfuse/symm-mem/two-shot', 'bias', 2],
    ['@arfuse/flashinfer/one-shot', 'ar_add_rms_fp8_group', 1],
  ])('runs %s and what follows it for %s', async (kernel, chain, steps) => {
    const used = await check([{ chain, hidden: 256 }], kernel);
    expect(new Set(used.map((kernels) => kernels.split(' + ').length))).toEqual(new Set([steps]));
    for (const kernels of used) expect(kernels).toContain(kernel);
  });

  it('keeps results that leave in the middle of a composition', async () => {
    await check(
      [
        { chain: 'ar_add_rms', hidden: 256, outputs: ['all_reduce', 'residual', 'norm'] },
        { chain: 'ar_prepost', hidden: 256, outputs: ['pre_norm', 'norm'] },
      ],
      '@arfuse/nccl/all-reduce',
    );
  });

  it('reduces both halves of a merged pair before their sum where the policy says so', async () => {
    const used = await check([{ chain: 'merged', hidden: 256 }], '@arfuse/native/add-partials');
    expect(used.some((kernels) => kernels.includes('add-partials'))).toBe(true);
  });
});
