import type { MeasuredTable, TableKey } from '@arfuse/contract';
import { rows } from './build.ts';

const key: TableKey = {
  sku: 'h200-sxm',
  capability: 90,
  groupSize: 2,
  nodes: 1,
  interconnect: 'nvlink-switch',
  multicast: false,
  dtype: 'bf16',
  pattern: 'all_reduce',
  mode: 'graph',
};

const hidden = 8192;
const implementation = { implementation: 'torch', version: '2.11' };

/**
 * PyTorch's own symmetric-memory all-reduces on two H200 SXM. They are kernels of PyTorch, not of
 * `@arfuse/symm-mem`, and were run by two processes where the FlashInfer rows come from one.
 */
export const pytorchH200Sxm2x: MeasuredTable = {
  specificationVersion: 1,
  kind: 'measured',
  name: '@arfuse/thresholds/pytorch-h200-sxm-2x',
  version: '1.0.0',
  title: '2 x H200 SXM, NV18, no multicast: PyTorch symmetric memory, all-reduce alone',
  provenance: {
    source: 'arfuse measurement on 2 x H200',
    driver: '580.159',
    cuda: '13.0',
    nccl: '2.28.9',
    host: '2 x H200, NV18, peer access on, no NVLink multicast',
    protocol:
      'PyTorch 2.11, two processes (one per GPU), all-reduce alone; torch.distributed is NCCL called by PyTorch',
  },
  rows: [
    ...rows(key, { kernels: ['torch/one_shot'], hidden, implementation }, [
      [1, 7.84],
      [16, 9.32],
      [64, 14.15],
      [128, 19.83],
      [256, 31.15],
      [512, 53.3],
      [1024, 100.47],
    ]),
    ...rows(key, { kernels: ['torch/two_shot'], hidden, implementation }, [
      [1, 7.7],
      [16, 8.52],
      [64, 11.13],
      [128, 13.65],
      [256, 20.59],
      [512, 33.25],
      [1024, 60.41],
      [2048, 108.59],
      [4096, 216.2],
      [8192, 417.45],
    ]),
    ...rows(key, { kernels: ['torch/nccl'], hidden, implementation }, [
      [1, 13.58],
      [16, 15.44],
      [64, 19.84],
      [128, 33.97],
      [256, 38.97],
      [512, 52.01],
      [1024, 77.99],
      [2048, 141.83],
      [4096, 252.6],
      [8192, 470.51],
    ]),
  ],
};
