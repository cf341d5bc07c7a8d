import type { ProbedGpu } from '@arfuse/contract';
import { describe, expect, it } from 'vitest';
import { interconnectOf, seenLinks } from '../../src/machine/interconnect.ts';
import { active, gpus, matrix, NV, SYS } from './machine.ts';

const classOf = (
  devices: readonly ProbedGpu[],
  links: Parameters<typeof interconnectOf>[1] = { topology: null, nvlink: null },
  usual?: Parameters<typeof interconnectOf>[2],
) => interconnectOf(devices, links, usual).class;

describe('interconnectOf', () => {
  it('sees a switch where a GPU reaches more peers than it has links for', () => {
    const list = gpus(8);
    const topology = { links: matrix(8, () => NV(18)) };
    expect(interconnectOf(list, { topology, nvlink: active(list, 18) }, undefined)).toEqual({
      class: 'nvlink-switch',
      reason:
        'NV18 between all 8 GPUs, and a GPU has only 18 links: they reach every peer through a switch.',
    });
  });

  it('sees a mesh where each pair has links of its own', () => {
    // Four GPUs of a board without switches: 18 links, six to each peer.
    const list = gpus(4);
    const topology = { links: matrix(4, () => NV(6)) };
    expect(classOf(list, { topology, nvlink: active(list, 18) }, 'nvlink-switch')).toBe(
      'nvlink-mesh',
    );
    // Two of them alone are still no switch.
    const two = gpus(2);
    const pair = { topology: { links: matrix(2, () => NV(6)) }, nvlink: active(two, 18) };
    expect(classOf(two, pair, 'nvlink-switch')).toBe('nvlink-mesh');
  });

  it('asks the board where two GPUs share all their links', () => {
    const list = gpus(2);
    const seen = { topology: { links: matrix(2, () => NV(18)) }, nvlink: active(list, 18) };
    expect(classOf(list, seen, 'nvlink-switch')).toBe('nvlink-switch');
    expect(classOf(list, seen, 'nvlink-bridge')).toBe('nvlink-bridge');
    // PCIe cards with NVLink have bridges.
    expect(classOf(list, seen, 'pcie')).toBe('nvlink-bridge');
    expect(classOf(list, seen)).toBe('unknown');
  });

  it('sees bridges where GPUs are joined in pairs', () => {
    const list = gpus(4);
    const paired = (a: number, b: number) =>
      Math.floor(a / 2) === Math.floor(b / 2) ? NV(12) : SYS;
    expect(classOf(list, { topology: { links: matrix(4, paired) }, nvlink: null })).toBe(
      'nvlink-bridge',
    );
    const uneven = (a: number, b: number) => (a + b === 1 ? NV(12) : SYS);
    expect(classOf(list, { topology: { links: matrix(4, uneven) }, nvlink: null })).toBe('unknown');
  });

  it('knows PCIe by links, or by atomics that do not work', () => {
    const list = gpus(2, { nvlink: false });
    expect(classOf(list, { topology: { links: matrix(2, () => SYS) }, nvlink: null })).toBe('pcie');
    expect(classOf(list, undefined, 'nvlink-switch')).toBe('pcie');
  });

  it('falls back on atomics and the board without nvidia-smi, and guesses nothing', () => {
    expect(classOf(gpus(8), undefined, 'nvlink-switch')).toBe('nvlink-switch');
    expect(classOf(gpus(8))).toBe('unknown');
    const [first, ...rest] = gpus(3);
    const some = [{ ...first!, peerAtomics: [true, true, false] }, ...rest];
    expect(classOf(some, undefined, 'nvlink-switch')).toBe('unknown');
  });

  it('is none for one GPU, and where no GPU reaches another', () => {
    expect(classOf(gpus(1))).toBe('none');
    const apart = gpus(2).map((gpu, own) => ({ ...gpu, peers: [own === 0, own === 1] }));
    expect(classOf(apart)).toBe('none');
  });
});

describe('seenLinks', () => {
  it('finds the GPUs that CUDA lists among all of the machine, in CUDA order', () => {
    const all = gpus(4);
    const topology = { links: matrix(4, (a, b) => NV(10 * a + b)) };
    const visible = [all[2]!, all[0]!];
    expect(seenLinks(visible, { topology, nvlink: active(all, 18) })?.links).toEqual([
      [null, NV(20)],
      [NV(2), null],
    ]);
    // Without UUIDs the two orders cannot be matched.
    expect(seenLinks(visible, { topology, nvlink: null })).toBeUndefined();
    expect(
      seenLinks(gpus(4, { uuid: 'MIG-1' }), { topology, nvlink: active(all, 18) }),
    ).toBeUndefined();
  });
});
