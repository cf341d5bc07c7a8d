import type { MeasuredTable, TableKey } from '@arfuse/contract';
import { rows } from './build.ts';

const key = (sku: string | null, groupSize: number): TableKey => ({
  sku,
  capability: 90,
  groupSize,
  nodes: 1,
  interconnect: null,
  multicast: null,
  dtype: 'bf16',
  pattern: 'all_reduce',
  mode: 'graph',
});

const four = key('h100-sxm', 4);
const six = key('h100-sxm', 6);
const eight = key(null, 8);
/** The sources give message sizes; rows of 8192 bf16 elements, as vLLM's benchmark makes them. */
const hidden = 8192;

/** All-reduce alone on four, six and eight Hopper GPUs, as published in three vLLM pull requests. */
export const vllmAllReduceH100: MeasuredTable = {
  specificationVersion: 1,
  kind: 'measured',
  name: '@arfuse/thresholds/vllm-all-reduce-h100',
  version: '1.0.0',
  title: 'H100, groups of 4, 6 and 8: published all-reduce times',
  provenance: {
    source: 'vllm-project/vllm pull requests #24532 (4 ranks), #24111 (6 ranks), #42324 (8 ranks)',
    protocol:
      "vLLM's device communicator benchmark, printed in milliseconds with three decimals; multicast and NCCL versions not stated, NCCL probably with NVLS; capture in CUDA graphs presumed; the GPU of the 8-rank block is not named and read as compute capability 9.0",
  },
  rows: [
    ...rows(four, { kernels: ['vllm/custom-all-reduce-one-stage'], hidden }, [
      [32, 10],
      [64, 14],
      [128, 23],
      [256, 38],
    ]),
    ...rows(four, { kernels: ['vllm/custom-all-reduce-two-stage'], hidden }, [
      [32, 17],
      [64, 18],
      [128, 26],
      [256, 42],
    ]),
    ...rows(four, { kernels: ['@arfuse/nccl/all-reduce'], hidden }, [
      [32, 21],
      [64, 23],
      [128, 28],
      [256, 39],
    ]),
    ...rows(four, { kernels: ['@arfuse/nccl/all-reduce-symmetric'], hidden }, [
      [32, 17],
      [64, 19],
      [128, 21],
      [256, 28],
    ]),
    ...rows(four, { kernels: ['torch/two_shot'], hidden }, [
      [32, 16],
      [64, 19],
      [128, 23],
    ]),
    ...rows(six, { kernels: ['vllm/custom-all-reduce-two-stage'], hidden }, [
      [32, 15],
      [64, 17],
      [128, 26],
      [256, 37],
    ]),
    ...rows(six, { kernels: ['@arfuse/nccl/all-reduce'], hidden }, [
      [32, 23],
      [64, 25],
      [128, 43],
      [256, 53],
    ]),
    ...rows(six, { kernels: ['torch/two_shot'], hidden }, [
      [32, 17],
      [64, 21],
      [128, 29],
      [256, 41],
    ]),
    ...rows(eight, { kernels: ['@arfuse/nccl/all-reduce'], hidden }, [
      [32, 24],
      [64, 25],
      [128, 37],
      [256, 50],
      [512, 76],
      [1024, 121],
      [2048, 195],
      [4096, 316],
    ]),
    ...rows(eight, { kernels: ['torch/multimem'], hidden }, [
      [32, 11],
      [64, 14],
      [128, 18],
      [256, 27],
      [512, 46],
      [1024, 87],
      [2048, 165],
      [4096, 320],
    ]),
    ...rows(eight, { kernels: ['torch/two_shot'], hidden }, [
      [32, 15],
      [64, 17],
      [128, 22],
      [256, 37],
      [512, 65],
      [1024, 125],
      [2048, 242],
      [4096, 468],
    ]),
  ],
};
