import type { DevicePlace } from '@arfuse/contract';
import { describe, expect, it } from 'vitest';
import type { CudaBinding, NativeBinding, NativeFusionLaunch } from '../src/index.ts';
import { addon } from './support.ts';

const binding = (addon as { binding?: NativeBinding }).binding;
const without = binding?.prepareFusion === undefined;

describe.skipIf(without)('a fused launch', () => {
  const { DeviceMemory, fusion, prepareFusion } = (binding ?? {}) as CudaBinding;

  const ROWS = 16;
  const HIDDEN = 4096;
  const TENSOR = ROWS * HIDDEN * 2;

  /** A view of memory that nobody touches: preparing reads addresses only. */
  let next = 2n ** 32n;
  const place = (bytes: number): DevicePlace => {
    next += 2n ** 28n;
    return { memory: new DeviceMemory(0, bytes, next), offset: 0 };
  };

  const launch = (change: Partial<Record<keyof NativeFusionLaunch, unknown>> = {}) => {
    const room = { oneShotBytes: TENSOR, twoShotBytes: TENSOR };
    return {
      shot: 'one-shot',
      pattern: 1,
      dtype: 'bf16',
      rows: ROWS,
      hidden: HIDDEN,
      rank: 0,
      size: 2,
      ranksPerDevice: 1,
      pdl: false,
      workspace: { ...room, place: place(fusion.layout({ ...room, size: 2 }).bytes) },
      input: place(TENSOR),
      residual: place(TENSOR),
      residualOut: place(TENSOR),
      weight: place(HIDDEN * 2),
      eps: 1e-5,
      weightBias: 0,
      normOut: place(TENSOR),
      ...change,
    } as NativeFusionLaunch;
  };

  const prepare = (change: Parameters<typeof launch>[0]) => prepareFusion(0, launch(change));

  /** On a machine without a GPU the driver is asked last. */
  const accepted = (change: Parameters<typeof launch>[0]) => {
    try {
      expect(prepare(change).maxRows).toBe(ROWS);
    } catch (error) {
      const { code, message } = error as Error & { code?: string };
      expect(code ?? message).toMatch(/^cuda|^device: expected compute capability/);
    }
  };

  it('needs a device that runs it, and says so without one', () => {
    accepted({});
    accepted({ shot: 'two-shot' });
    accepted({ dtype: 'bf16', pattern: 0, allReduceOut: place(TENSOR) });
    const quantOut = place(ROWS * HIDDEN);
    accepted({ pattern: 4, quantOut, scale: place(16) });
    accepted({ pattern: 10, quantOut, scaleOut: place(ROWS * 4) });
    // 64 groups of 64: 16 words a row.
    accepted({ pattern: 9, group: 64, quantOut, scaleOut: place(4 * (ROWS + 15 * ROWS)) });
  });

  it('may write row by row over what it reads', () => {
    const { input, residual } = launch();
    accepted({ input, normOut: input });
    accepted({ residual, residualOut: residual });
    accepted({ pattern: 0, input, allReduceOut: input });
  });

  it.each<[string, () => Parameters<typeof launch>[0], string]>([
    ['a result that is missing', () => ({ normOut: undefined }), 'normOut: expected an object.'],
    [
      'a buffer that is too small',
      () => ({ residual: place(TENSOR - 16) }),
      `residual: expected ${TENSOR} bytes behind offset 0 of ${TENSOR - 16}.`,
    ],
    [
      'a place between two vectors',
      () => ({ input: { ...place(TENSOR + 16), offset: 8 } }),
      'input: expected an offset that is a multiple of 16.',
    ],
    [
      'a result half over another',
      () => {
        const both = place(2 * TENSOR);
        return { residualOut: both, normOut: { memory: both.memory, offset: TENSOR / 2 } };
      },
      'residualOut: expected a place apart from normOut.',
    ],
    [
      'two results in one place',
      () => {
        const both = place(TENSOR);
        return { residualOut: both, normOut: both };
      },
      'residualOut: expected a place apart from normOut.',
    ],
    [
      'a result half over what is read',
      () => {
        const both = place(2 * TENSOR);
        return { input: both, normOut: { memory: both.memory, offset: HIDDEN * 2 } };
      },
      'normOut: expected the place of input, or one apart from it.',
    ],
    [
      'quantised values over the input',
      () => {
        const input = place(TENSOR);
        return { pattern: 4, input, quantOut: input, scale: place(16) };
      },
      'quantOut: expected a place apart from input.',
    ],
    [
      'scales that do not fit',
      () => ({
        pattern: 9,
        group: 128,
        quantOut: place(ROWS * HIDDEN),
        scaleOut: place(4 * 8 * ROWS - 16),
      }),
      `scaleOut: expected ${4 * 8 * ROWS} bytes behind offset 0 of ${4 * 8 * ROWS - 16}.`,
    ],
    [
      'a two-shot launch of as many rows as ranks',
      () => ({ shot: 'two-shot', rows: 2 }),
      'rows: expected more than 2, the ranks, for a two-shot launch.',
    ],
    ['a rank that is none', () => ({ rank: 2 }), 'rank: expected an integer from 0 to 1.'],
    ['an eps that is none', () => ({ eps: -1 }), 'eps: expected a number of 0 or more.'],
    [
      'a workspace for smaller launches',
      () => {
        const room = { oneShotBytes: TENSOR / 2, twoShotBytes: 0 };
        return { workspace: { ...room, place: place(2 ** 24) } };
      },
      `oneShotBytes: expected at least ${TENSOR}, the bytes of ${ROWS} rows.`,
    ],
    [
      'a workspace that is too small for what it says',
      () => ({ workspace: { oneShotBytes: TENSOR, twoShotBytes: TENSOR, place: place(4096) } }),
      'workspace.place: expected 2097152 bytes behind offset 0 of 4096.',
    ],
  ])('refuses %s', (_, change, message) => {
    expect(() => prepare(change())).toThrow(message);
  });
});
