import { native } from '@arfuse/core';
import { loadNative, type NativeArithmetic } from '@arfuse/native';
import { createNccl } from '@arfuse/nccl';
import { type Intercept, referenceDevices } from '@arfuse/reference';
import { createExecutor, openLocalGroup } from '@arfuse/runtime';
import { describe, expect, it } from 'vitest';
import { Findings, NcclSite } from '../gpu/src/nccl/site.mjs';
import { rankPlan } from '../gpu/src/rank-plan.mjs';

const arithmetic = ((): NativeArithmetic | undefined => {
  try {
    return loadNative().binding.arithmetic;
  } catch {
    return undefined;
  }
})();
const backends = [createNccl({ withoutWindows: true }), native()];
const TOKENS = [1, 4];

/** What `pnpm gpu:nccl` finds on devices that simulate. */
async function findingsOf(
  chain: string,
  dtype: 'bf16' | 'f16' | 'f32',
  size: number,
  intercept: Intercept = () => 'run',
): Promise<Findings[]> {
  const collective = '@arfuse/nccl/all-reduce';
  const given = { chain, dtype, hidden: 64, size, tokens: TOKENS, collective, backends };
  const made = rankPlan({ ...given, capability: 90 });
  if ('reasons' in made) throw new Error(made.reasons.join(' '));
  const groups = await openLocalGroup({ ranks: size });
  const devices = referenceDevices(size, { intercept });
  return await Promise.all(
    groups.map(async (group) => {
      const findings = new Findings();
      const device = devices[group.rank]!;
      const executor = await createExecutor(made.plan, group, { device, backends });
      const site = new NcclSite({ executor, group, arithmetic: arithmetic!, findings });
      const step = executor.defineStep([site.id, site.id]);
      executor.capture(step, TOKENS);
      for (const rows of TOKENS)
        for (const captured of [false, true]) {
          await site.fill(rows, rows);
          if (captured) await executor.step(step, rows);
          else executor.launch(site.id, rows);
          await executor.sync();
          await site.check(`${rows} rows`);
        }
      await executor.close();
      site.close();
      return findings;
    }),
  );
}

describe.skipIf(!arithmetic)('the checks of gpu:nccl', () => {
  for (const chain of ['all-reduce', 'add + norm'])
    it.each([2, 4])(`pass what is right: ${chain}, %i ranks`, async (size) => {
      for (const dtype of ['bf16', 'f16', 'f32'] as const)
        for (const { passed, failures } of await findingsOf(chain, dtype, size)) {
          expect(failures).toEqual([]);
          expect(passed).toBe(4);
        }
    });

  it.each([
    ['the collective', '@arfuse/nccl/all-reduce', 2, '"residual" differs'],
    ['the collective', '@arfuse/nccl/all-reduce', 4, 'of the sum is beyond its bound'],
    ['the norm', '@arfuse/native/norm', 4, 'the norm is not that of the sum'],
  ])('see one element that %s got wrong (%s, %i ranks)', async (_, kernel, size, sentence) => {
    const wrong: Intercept = (call) => {
      if (call.kernel !== kernel) return 'run';
      const place = call.step.results.norm ?? call.step.results.all_reduce ?? call.step.carry!;
      return () => {
        // The exponent of the first element, equally at every rank.
        const { data } = place.memory as unknown as { data: Uint8Array };
        data[place.offset + 1]! ^= 0x04;
      };
    };
    const [first] = await findingsOf('add + norm', 'bf16', size, wrong);
    expect(first!.failures.length).toBeGreaterThan(0);
    for (const failure of first!.failures) expect(failure).toContain(sentence);
  });

  it('see a rank that differs in one bit', async () => {
    const [first] = await findingsOf('all-reduce', 'f32', 4, ({ rank, step }) =>
      rank === 3
        ? () => {
            const place = step.results.all_reduce!;
            const { data } = place.memory as unknown as { data: Uint8Array };
            data[place.offset]! ^= 1;
          }
        : 'run',
    );
    for (const failure of first!.failures) expect(failure).toContain('ranks 0 and 3 differ');
    expect(first!.failures).toHaveLength(4);
  });
});
