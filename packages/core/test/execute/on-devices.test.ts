import type { DevicePlace, SiteOutput } from '@arfuse/contract';
import { type Intercept, type ReferenceDeviceOptions, referenceDevices } from '@arfuse/reference';
import { describe, expect, it } from 'vitest';
import {
  describeLaunchFailures,
  type RunOnDevicesOptions,
  runOnDevices,
  type VerifyOnDevicesOptions,
  verifyOnDevices,
} from '../../src/execute/index.ts';
import { override } from '../../src/policy/index.ts';
import { parseTarget } from '../../src/target/index.ts';
import { planOf } from '../plan-of.ts';
import { CHAINS } from '../sample.ts';

interface Given extends ReferenceDeviceOptions {
  readonly kernel?: string;
  readonly world?: number;
}

/** The graphs of tests leave scales out. */
const SCALED: Readonly<Record<string, readonly SiteOutput[]>> = {
  ar_add_rms_fp8_group: ['residual', 'quant', 'scale'],
  ar_add_rms_fp8_token: ['residual', 'norm', 'quant', 'scale'],
  ar_add_rms_nvfp4: ['residual', 'quant', 'scale'],
};

function planned(chain: string, { kernel, world = 2 }: Given = {}) {
  const outputs = SCALED[chain];
  return planOf([{ chain, hidden: 256, ...(outputs ? { outputs } : {}) }], {
    target: parseTarget(`h200-sxm,world=${world},tokens=32,buckets=8:16`),
    ...(kernel ? { policy: override(kernel) } : {}),
  });
}

const devices = ({ world = 2, intercept }: Given) =>
  referenceDevices(world, intercept ? { intercept } : {});

const verified = (chain: string, given: Given = {}, options: VerifyOnDevicesOptions = {}) =>
  verifyOnDevices(planned(chain, given), { devices: devices(given), ...options });

const run = (chain: string, given: Given = {}, options: RunOnDevicesOptions = {}) =>
  runOnDevices(planned(chain, given), { devices: devices(given), ...options });

/** Bytes of a place and of what lies behind it. */
const bytesFrom = ({ memory, offset }: DevicePlace): Uint8Array =>
  (memory as unknown as { readonly data: Uint8Array }).data.subarray(offset);

/** Does something to a result of one rank, after each run or after some. */
const spoil =
  (
    output: SiteOutput,
    act: (bytes: Uint8Array, rows: number) => void,
    when: (run: number, rank: number) => boolean = () => true,
  ): Intercept =>
  ({ step, rank, run: count, rows }) => {
    const place = step.results[output];
    if (!place || !when(count, rank)) return 'run';
    return () => act(bytesFrom(place), rows);
  };

describe('verifyOnDevices on reference devices', () => {
  it.each(Object.keys(CHAINS))('passes %s', async (chain) => {
    const report = await verified(chain);
    expect(describeLaunchFailures(report.launches)).toEqual([]);
    expect(report).toMatchObject({
      passed: true,
      failedElsewhere: [],
      place: {
        device: 'reference',
        ranks: 2,
        here: [0, 1],
        launcher: 'process',
        ranksPerDevice: 1,
      },
    });
    for (const { outputs } of report.launches)
      for (const { histogram, maxUlps } of outputs) {
        expect(maxUlps).toBe(0);
        expect(Object.keys(histogram)).toEqual(['0']);
      }
  });

  it('launches every segment for its smallest and largest token count, in its mode', async () => {
    const { launches } = await verified('ar_add_rms', { kernel: '@arfuse/symm-mem/two-shot' });
    const segments = launches.map(({ segment, tokens, mode }) => [...segment, tokens, mode]);
    expect(segments).toEqual([
      [1, 16, 1, 'graph'],
      [1, 16, 16, 'graph'],
      [17, 32, 17, 'eager'],
      [17, 32, 32, 'eager'],
    ]);
  });

  it('allows a library its own order of the sum over more than two ranks, and no more', async () => {
    const kernel = '@arfuse/nccl/all-reduce';
    const report = await verified('ar_add_rms', { kernel, world: 4 }, { tokens: [16] });
    expect(describeLaunchFailures(report.launches)).toEqual([]);
    const [residual] = report.launches[0]!.outputs;
    expect(residual).toMatchObject({ output: 'residual' });
    expect(residual!.maxUlps).toBeGreaterThan(0);
    expect(residual!.bound).toContain('reduction left to the library');
    // A partial sum left out is further off than any order of roundings.
    const intercept = spoil('residual', (bytes) => {
      bytes[1] = bytes[1]! ^ 0x01;
    });
    const wrong = await verified('ar_add_rms', { kernel, world: 4, intercept }, { tokens: [16] });
    expect(wrong.passed).toBe(false);
  });

  it('says what becomes of a NaN', async () => {
    const kept = await verified('ar_add_rms_fp8_static');
    const lost = await verified('ar_add_rms_fp8_group', { kernel: '@arfuse/flashinfer/one-shot' });
    const quant = ({ launches }: typeof kept) =>
      launches
        .filter(({ tokens }) => tokens > 6)
        .map(({ outputs }) => outputs.find(({ output }) => output === 'quant')!.nan);
    expect(new Set(quant(kept))).toEqual(new Set(['kept']));
    expect(new Set(quant(lost))).toEqual(new Set(['lost']));
    expect([kept.passed, lost.passed]).toEqual([true, true]);
  });
});

describe('verifyOnDevices finds', () => {
  it.each<[string, string, Intercept, RegExp]>([
    [
      'one wrong element',
      'ar_add_rms',
      spoil('norm', (bytes) => {
        bytes[100] = bytes[100]! ^ 0x04;
      }),
      /output "norm" is \d+ ULP off at rank 0, row 0, column 50: expected .*, found .*; required any order/,
    ],
    [
      'a wrong sum',
      'ar_add_rms',
      spoil('residual', (bytes) => {
        bytes[0] = bytes[0]! ^ 0x01;
      }),
      /output "residual" is 1 ULP off at rank 0, row 0, column 0.*required equality/,
    ],
    [
      'an element that nobody wrote',
      'ar_add_rms',
      spoil('norm', (bytes) => bytes.fill(0xa5, 0, 2)),
      /output "norm"/,
    ],
    [
      'a write behind the last row',
      'ar_add_rms',
      spoil('norm', (bytes, rows) => {
        bytes[rows * 512] = 1;
      }),
      /wrote (\d+ bytes )?behind/,
    ],
    [
      'ranks that differ in one bit',
      'ar_add_rms',
      spoil(
        'norm',
        (bytes) => {
          bytes[2] = bytes[2]! ^ 1;
        },
        (_, rank) => rank === 1,
      ),
      /ranks 0 and 1 differ in "norm"/,
    ],
    [
      'a second launch that gives another result',
      'ar_add_rms',
      spoil(
        'norm',
        (bytes) => {
          bytes[2] = bytes[2]! ^ 1;
        },
        (count) => count % 2 === 1,
      ),
      /leaves another "norm" for the same inputs/,
    ],
    [
      'a wrong scale layout',
      'ar_add_rms_fp8_group',
      spoil('scale', (bytes, rows) => {
        // Group by group instead of four groups per word.
        if (rows > 1) bytes.subarray(0, 4 * rows).reverse();
      }),
      /output "scale"/,
    ],
    [
      'a NaN that becomes a number',
      'ar_add_rms_fp8_static',
      spoil('quant', (bytes) => {
        for (let i = 0; i < bytes.length; i += 1) if (bytes[i] === 0x7f) bytes[i] = 0xfe;
      }),
      /output "quant" is infinitely many ULP off .*expected NaN, found -448/,
    ],
  ])('%s', async (_, chain, intercept, sentence) => {
    const report = await verified(chain, { intercept }, { tokens: [7, 16] });
    expect(report.passed).toBe(false);
    expect(describeLaunchFailures(report.launches).join('\n')).toMatch(sentence);
  });
});

describe('runOnDevices on reference devices', () => {
  it('checks each site and times each class and the step', async () => {
    const plan = planOf(
      [
        { chain: 'ar_add_rms', hidden: 256 },
        { chain: 'ar_add_rms', hidden: 256 },
        { chain: 'ar_rms', hidden: 128 },
      ],
      { target: parseTarget('h200-sxm,world=2,tokens=32,buckets=8:16') },
    );
    const seen: number[] = [];
    const report = await runOnDevices(plan, {
      devices: referenceDevices(2),
      tokens: 16,
      onSite: (done) => seen.push(done),
    });
    expect(report).toMatchObject({
      passed: true,
      tokens: 16,
      step: { sites: 3, mode: 'graph', us: { n: 3, perRepetition: 1 } },
      failures: [],
    });
    expect(report.classes.map((of) => [of.sites, of.checked, of.passed])).toEqual([
      [2, 2, true],
      [1, 1, true],
    ]);
    expect(seen).toEqual([1, 2, 3]);
    const { median, p10, p90 } = report.step.us;
    expect(median).toBeGreaterThan(0);
    expect(p10).toBeLessThanOrEqual(median);
    expect(median).toBeLessThanOrEqual(p90);
    const only = await runOnDevices(plan, {
      devices: referenceDevices(2),
      sites: ['s2'],
      tokens: 32,
    });
    expect(only.step).toMatchObject({ sites: 1, mode: 'eager' });
    expect(only.classes).toHaveLength(1);
  });

  it('fails with a wrong element, and says which launch it was', async () => {
    const intercept = spoil('residual', (bytes) => {
      bytes[1] = bytes[1]! ^ 0x40;
    });
    const report = await run('ar_add_rms', { intercept });
    expect(report.passed).toBe(false);
    expect(report.failures[0]).toMatchObject({ class: 'c0', tokens: 16, passed: false });
  });

  it.each([
    [{ tokens: 64 }, /tokens: 64 cannot be launched. The plan decides 1 to 32 tokens/],
    [{ sites: ['s9'] }, /no site "s9". Its sites are s0 … s0/],
    [{ ranksPerDevice: 0 }, /ranksPerDevice is 0/],
  ])('refuses %j', async (options, message) => {
    await expect(run('ar_add_rms', {}, options)).rejects.toThrow(message);
  });

  it('ends between two launches when it is told to, and closes everything', async () => {
    const controller = new AbortController();
    const reason = new Error('stopped');
    const stopped = verified(
      'ar_add_rms',
      {},
      { signal: controller.signal, onLaunch: () => controller.abort(reason) },
    );
    await expect(stopped).rejects.toBe(reason);
  });
});
