import { describe, expect, it } from 'vitest';
import type { CudaBinding, NativeExchangeLaunch } from '../src/index.ts';
import { addon } from './support.ts';

const MIB = 2 ** 20;

/** An addon with kernels; what it refuses before it asks CUDA needs no GPU. */
const binding = 'binding' in addon && addon.binding.prepareExchange ? addon.binding : undefined;

describe.skipIf(!binding)('prepareExchange', () => {
  const cuda = binding as CudaBinding;

  /** One row of 8192 bf16 elements at two ranks, everything in its place; views need no driver. */
  function given(): Record<string, unknown> {
    const memory = (address: bigint, bytes: number) => new cuda.DeviceMemory(0, bytes, address);
    const workspace = memory(0x10_0000_0000n, 64 * MIB);
    return {
      shot: 'one-shot',
      dtype: 'bf16',
      rows: 128,
      hidden: 8192,
      rank: 0,
      size: 2,
      input: { memory: memory(0x20_0000_0000n, 4 * MIB), offset: 0 },
      output: { memory: memory(0x30_0000_0000n, 4 * MIB), offset: 0 },
      workspace: {
        oneShotBytes: 2 * MIB,
        twoShotBytes: MIB,
        place: { memory: workspace, offset: 0 },
        addresses: [0x10_0000_0000n, 0x40_0000_0000n],
      },
      abort: {},
      ranksPerDevice: 1,
    };
  }

  const refusal = (change: Record<string, unknown>): string => {
    try {
      cuda.prepareExchange(0, { ...given(), ...change } as unknown as NativeExchangeLaunch);
    } catch (error) {
      return (error as Error).message;
    }
    return 'it was prepared';
  };
  const place = (address: bigint, bytes: number, offset = 0) => ({
    memory: new cuda.DeviceMemory(0, bytes, address),
    offset,
  });
  const workspace = (change: Record<string, unknown>) => ({
    workspace: { ...(given().workspace as object), ...change },
  });

  it('takes what is in its place as far as the abort word, which only CUDA makes', () => {
    expect(refusal({})).toBe('abort: expected a PinnedMemory.');
    // In place, and of the other kind within its own room.
    const { input } = given();
    expect(refusal({ output: input })).toBe('abort: expected a PinnedMemory.');
    expect(refusal({ shot: 'two-shot', rows: 64 })).toBe('abort: expected a PinnedMemory.');
  });

  it.each<[string, () => Record<string, unknown>, string]>([
    ['an unknown shot', () => ({ shot: 'multimem' }), 'shot: expected one of one-shot, two-shot.'],
    ['an unknown dtype', () => ({ dtype: 'f8' }), 'dtype: expected one of'],
    ['3 ranks', () => ({ size: 3 }), 'size: expected 2, 4, 6 or 8 ranks.'],
    ['no rows', () => ({ rows: 0 }), 'rows: expected an integer from 1 to 1073741824.'],
    ['rows of 8 bytes', () => ({ hidden: 4 }), 'hidden: expected rows of whole 16-byte vectors.'],
    ['a rank beyond', () => ({ rank: 2 }), 'rank: expected an integer from 0 to 1.'],
    ['no input', () => ({ input: undefined }), 'input: expected an object.'],
    [
      'an input of another class',
      () => ({ input: { memory: {}, offset: 0 } }),
      'input.memory: expected a DeviceMemory.',
    ],
    [
      'a short input',
      () => ({ input: place(0x20_0000_0000n, 2 * MIB - 16) }),
      'input: expected 2097152 bytes behind offset 0 of 2097136.',
    ],
    [
      'an output that is not aligned',
      () => ({ output: place(0x30_0000_0000n, 4 * MIB, 8) }),
      'output: expected an offset that is a multiple of 16.',
    ],
    [
      'an output over a part of the input',
      () => ({ output: place(0x20_0000_0000n, 4 * MIB, 16) }),
      'output: expected the place of input, or one apart from it.',
    ],
    [
      'an input within the workspace',
      () => ({ input: place(0x10_0010_0000n, 4 * MIB) }),
      'input: expected a place outside of the workspace, which peers write.',
    ],
    [
      'an output within the workspace',
      () => ({ output: place(0x10_0000_0000n - 16n, 4 * MIB) }),
      'output: expected a place outside of the workspace, which peers write.',
    ],
    [
      'a short workspace',
      () => workspace({ place: place(0x10_0000_0000n, 2 * MIB) }),
      'workspace.place: expected',
    ],
    [
      'too few addresses',
      () => workspace({ addresses: [0x10_0000_0000n] }),
      'workspace.addresses: expected 2 addresses, one per rank.',
    ],
    [
      'an address of 0',
      () => workspace({ addresses: [0x10_0000_0000n, 0n] }),
      'workspace.addresses[1]: expected a multiple of 128 that is not 0.',
    ],
    [
      'an address within a line',
      () => workspace({ addresses: [0x10_0000_0000n, 0x40_0000_0040n] }),
      'workspace.addresses[1]: expected a multiple of 128 that is not 0.',
    ],
    [
      'an address that is no BigInt',
      () => workspace({ addresses: [0x10_0000_0000n, 4096] }),
      'workspace.addresses[1]: expected a BigInt of 64 bits.',
    ],
    [
      'its own address at another place',
      () => workspace({ addresses: [0x50_0000_0000n, 0x40_0000_0000n] }),
      'workspace.addresses[0]: expected the address of workspace.place.',
    ],
    [
      'its own address as a peer',
      () => workspace({ addresses: [0x10_0000_0000n, 0x10_0000_0000n] }),
      "workspace.addresses[1]: expected the address of another rank's workspace.",
    ],
    [
      'one address twice',
      () => ({
        size: 4,
        ...workspace({
          addresses: [0x10_0000_0000n, 0x40_0000_0000n, 0x40_0000_0000n, 0x50_0000_0000n],
        }),
      }),
      'workspace.addresses[2]: expected an address that no other rank has.',
    ],
    [
      'more rows than there is room for',
      () => ({ shot: 'two-shot' }),
      'twoShotBytes: expected at least 2097152, the bytes of 128 rows.',
    ],
  ])('refuses %s in one sentence', (_, change, message) => {
    expect(refusal(change())).toContain(message);
  });

  it('refuses a device that is no ordinal', () => {
    expect(() => cuda.prepareExchange(-1, given() as never)).toThrow(
      'device: expected an ordinal from 0.',
    );
  });
});
