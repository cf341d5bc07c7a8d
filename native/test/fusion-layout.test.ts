import { describe, expect, it } from 'vitest';
import type { NativeBinding } from '../src/index.ts';
import { addon } from './support.ts';

const MIB = 2 ** 20;

describe.skipIf('missing' in addon)("workspaces of FlashInfer's launches", () => {
  const { fusion } = (addon as { binding: NativeBinding }).binding ?? {};

  it('have the buffers that the kernels index', () => {
    // 2048 rows of 8192 bf16, two ranks: a Lamport buffer holds both ranks' tensors, comm a tensor and the sum.
    const tensor = 2048 * 8192 * 2;
    const layout = fusion.layout({ size: 2, oneShotBytes: tensor, twoShotBytes: tensor });
    expect(layout.lamportBytes).toBe(64 * MIB);
    expect(layout.commBytes).toBe(64 * MIB);
    expect(layout.barrierBytes).toBe(2 * 256 * 4);
    expect([...layout.controlWords]).toEqual([0, 0, 0, 64 * MIB, 0]);
    const parts = [
      [layout.control, 20],
      [layout.table, 7 * 8],
      [layout.barrier, layout.barrierBytes],
      [layout.lamport, 3 * layout.lamportBytes],
      [layout.comm, layout.commBytes],
    ] as const;
    let end = 0;
    for (const [start, bytes] of parts) {
      expect(start).toBeGreaterThanOrEqual(end);
      expect(start % 256).toBe(0);
      end = start + bytes;
    }
    expect(layout.bytes).toBeGreaterThanOrEqual(end);
    expect(layout.bytes % (2 * MIB)).toBe(0);
  });

  it('size both kinds by themselves', () => {
    const oneShot = fusion.layout({ size: 8, oneShotBytes: 4096, twoShotBytes: 0 });
    expect([oneShot.lamportBytes, oneShot.commBytes]).toEqual([8 * 4096, 0]);
    const twoShot = fusion.layout({ size: 8, oneShotBytes: 0, twoShotBytes: 4096 });
    expect([twoShot.lamportBytes, twoShot.commBytes]).toEqual([0, 2 * 4096]);
  });

  it('keep a Lamport buffer below 1 GiB, exactly', () => {
    const layout = (oneShotBytes: number) =>
      fusion.layout({ size: 4, oneShotBytes, twoShotBytes: 0 });
    expect(layout(2 ** 28 - 16).lamportBytes).toBe(2 ** 30 - 64);
    expect(() => layout(2 ** 28)).toThrow(
      'oneShotBytes: expected a Lamport buffer below 1 GiB, not 1073741824 bytes for all ranks.',
    );
  });

  it('have a table with every rank’s buffers and the own control words', () => {
    const room = { size: 4, oneShotBytes: 4096, twoShotBytes: 8192 };
    const { comm, barrier, lamport, control } = fusion.layout(room);
    const addresses = [0x7f00_0000_0000n, 0x7f10_0000_0000n, 0x7f20_0000_0000n, 0x7f30_0000_0000n];
    const table = fusion.table({ ...room, rank: 2, addresses });
    expect([...table]).toEqual([
      ...addresses.map((address) => address + BigInt(comm)),
      ...addresses.map((address) => address + BigInt(barrier)),
      ...addresses.map((address) => address + BigInt(lamport)),
      addresses[2]! + BigInt(control),
    ]);
    const refusals = [
      [addresses.slice(1), 'addresses: expected 4 addresses, one per rank.'],
      [addresses.with(1, 8n), 'addresses[1]: expected a multiple of 16 that is not 0.'],
      [
        addresses.with(3, addresses[0]!),
        'addresses[3]: expected an address that no other rank has.',
      ],
    ] as const;
    for (const [given, message] of refusals)
      expect(() => fusion.table({ ...room, rank: 2, addresses: given })).toThrow(message);
  });
});
