import {
  CONFORMANCE_CHAINS,
  type CodesKind,
  executionPlan,
  hostExpect,
  makeCodes,
  measure,
  referenceExpect,
  STREAMS,
} from '@arfuse/conformance';
import { findStage, type IoDType, type SiteOutput } from '@arfuse/contract';
import { native } from '@arfuse/core';
import { loadNative, type NativeBinding } from '@arfuse/native';
import { symmMem } from '@arfuse/symm-mem';
import { describe, expect, it } from 'vitest';

/** The addon, where one is built. */
const addon: NativeBinding | undefined = (() => {
  try {
    return loadNative().binding;
  } catch {
    return undefined;
  }
})();

const DTYPES: readonly IoDType[] = ['bf16', 'f16', 'f32'];

describe.skipIf(addon === undefined)('the addon on the host', () => {
  const { arithmetic, check } = addon ?? ({} as NativeBinding);

  it.each(['usual', 'special', 'integers', 'vector'] as const)(
    'makes the same %s codes, in every part',
    (kind: CodesKind) => {
      for (const dtype of DTYPES)
        for (const stream of [STREAMS.partial(0, 0), STREAMS.partial(1, 0), STREAMS.residual]) {
          const spec = { dtype, kind, seed: 0x9abcdef1, stream, hidden: 88, row: 61, rows: 70 };
          const made = makeCodes(spec);
          const codes = dtype === 'f32' ? new Uint32Array(70 * 88) : new Uint16Array(70 * 88);
          check.codes(spec, codes);
          expect(codes.every((code: number, i: number) => code === made[i])).toBe(true);
        }
    },
  );

  it.each(DTYPES)('expects what the reference does of every chain in %s', async (dtype) => {
    const tokens = 5;
    const { combinations } = executionPlan({
      kernels: ['@arfuse/symm-mem/one-shot'],
      chains: CONFORMANCE_CHAINS,
      dtype,
      hidden: 128,
      size: 4,
      tokens: [tokens],
      backends: [symmMem(), native()],
      capability: 90,
    });
    const expectHere = hostExpect(arithmetic, check.codes);
    for (const { site, segments, chain } of combinations)
      for (const kind of ['usual', 'special'] as const) {
        const segment = segments.get(tokens)!;
        const asked = { site, segment, size: 4, tokens, seed: 11, kind };
        const reference = await referenceExpect(asked);
        const given = [undefined, ...(reference.pre_norm ? [reference.pre_norm] : [])];
        for (const preNorm of given) {
          const wanted = await referenceExpect(asked, preNorm);
          const found = await expectHere(asked, preNorm);
          for (const [name, bytes] of Object.entries(wanted)) {
            const quant = findStage(site.stages, 'quant');
            const codes =
              name === 'quant' ? quant?.outputDtype : name === 'scale' ? quant?.scaleDtype : dtype;
            const distances = measure(codes!, found[name as SiteOutput]!, bytes);
            expect(distances.worst, `${chain} ${kind} ${name}`).toBe(0);
            expect(distances.lostNan, `${chain} ${kind} ${name}`).toBe(0);
          }
        }
      }
    expect(combinations.length).toBeGreaterThan(dtype === 'f16' ? 0 : 10);
  });
});
