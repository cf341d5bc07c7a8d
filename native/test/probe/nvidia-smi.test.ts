import { describe, expect, it } from 'vitest';
import {
  parseDriverVersion,
  parseNvlinkStatus,
  parseTopology,
} from '../../src/probe/nvidia-smi.ts';

const ESCAPE = String.fromCharCode(27);

/** As driver 580 prints it on a terminal: the header is underlined, cells are parted by tabs. */
const DGX_H200 = `	${ESCAPE}[4mGPU0	GPU1	GPU2	NIC0	NIC1	CPU Affinity	NUMA Affinity	GPU NUMA ID${ESCAPE}[0m
GPU0	 X 	NV18	NV18	PIX	SYS	0-47,96-143	0		N/A
GPU1	NV18	 X 	NV18	NODE	SYS	0-47,96-143	0		N/A
GPU2	NV18	NV18	 X 	SYS	PIX	48-95,144-191	1		N/A
NIC0	PIX	NODE	SYS	 X 	SYS				
NIC1	SYS	SYS	PIX	SYS	 X 				

Legend:

  X    = Self
  SYS  = Connection traversing PCIe as well as the SMP interconnect between NUMA nodes (e.g., QPI/UPI)
  NODE = Connection traversing PCIe as well as the interconnect between PCIe Host Bridges within a NUMA node
  PHB  = Connection traversing PCIe as well as a PCIe Host Bridge (typically the CPU)
  PXB  = Connection traversing multiple PCIe bridges (without traversing the PCIe Host Bridge)
  PIX  = Connection traversing at most a single PCIe bridge
  NV#  = Connection traversing a bonded set of # NVLinks

NIC Legend:

  NIC0: mlx5_0
  NIC1: mlx5_1

`;

/** As older drivers print it, with blanks instead of tabs when it is piped through other tools. */
const WORKSTATION = `        GPU0    GPU1    CPU Affinity    NUMA Affinity
GPU0     X      PHB     0-63            0
GPU1    PHB      X      0-63            0
`;

describe('nvidia-smi topo -m', () => {
  it('is read as a matrix of GPUs, without NICs and affinities', () => {
    const nv18 = { kind: 'nvlink', nvlinks: 18 };
    expect(parseTopology(DGX_H200)).toEqual({
      links: [
        [null, nv18, nv18],
        [nv18, null, nv18],
        [nv18, nv18, null],
      ],
    });
    const phb = { kind: 'phb', nvlinks: 0 };
    expect(parseTopology(WORKSTATION)).toEqual({
      links: [
        [null, phb],
        [phb, null],
      ],
    });
    expect(parseTopology('	GPU0	CPU Affinity\nGPU0	 X 	0-19\n')).toEqual({ links: [[null]] });
  });

  it.each([
    ['nothing', ''],
    [
      'a refusal',
      "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running.\n",
    ],
    ['a row that is cut off', DGX_H200.slice(0, DGX_H200.indexOf('GPU2\tNV18'))],
    ['a link that is not known', DGX_H200.replace('NV18', 'OPTICAL')],
  ])('is null for %s', (_, text) => {
    expect(parseTopology(text)).toBeNull();
  });
});

describe('nvidia-smi nvlink --status', () => {
  const links = (count: number, inactive = 0): string =>
    Array.from({ length: count + inactive }, (_, i) =>
      i < count ? `\t Link ${i}: 26.562 GB/s` : `\t Link ${i}: <inactive>`,
    ).join('\n');

  it('counts the links that have a speed', () => {
    const text = `GPU 0: NVIDIA H200 (UUID: GPU-8f0500a5-abae-41df-22f9-42f86172866c)
${links(18)}
GPU 1: NVIDIA H100 NVL (UUID: GPU-9e8682f0-0d01-e118-3a86-008e972bfe2a)
${links(12, 6)}
GPU 2: NVIDIA L4 (UUID: GPU-11111111-2222-3333-4444-555555555555)
`;
    expect(parseNvlinkStatus(text)?.gpus.map(({ active }) => active)).toEqual([18, 12, 0]);
    expect(parseNvlinkStatus(text)?.gpus[0]?.uuid).toBe('GPU-8f0500a5-abae-41df-22f9-42f86172866c');
    expect(parseNvlinkStatus('')).toBeNull();
  });
});

describe('/proc/driver/nvidia/version', () => {
  it.each([
    [
      'NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.129.03  Thu Oct 19 18:56:32 UTC 2023\nGCC version:  gcc version 12.2.0\n',
      '535.129.03',
    ],
    [
      'NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build  (dvs-builder@U22-I3)\n',
      '580.65.06',
    ],
    ['GCC version:  gcc version 12.2.0 (GCC)\n', null],
  ])('%j', (text, version) => {
    expect(parseDriverVersion(text)).toBe(version);
  });
});
