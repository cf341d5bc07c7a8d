import type { MeasuredRow, MeasuredTable } from '@arfuse/contract';

const rows = (
  kernels: readonly string[],
  multicast: boolean,
  points: readonly (readonly [tokens: number, us: number])[],
): MeasuredRow[] =>
  points.map(([tokens, medianUs]) => ({
    key: {
      sku: 'h200-sxm',
      capability: 90,
      groupSize: 8,
      nodes: 1,
      interconnect: 'nvlink-switch',
      multicast,
      dtype: 'bf16',
      pattern: 'ar_add_rms',
      mode: 'graph',
    },
    tokens,
    hidden: 4096,
    itemsize: 2,
    kernels,
    medianUs,
  }));

/**
 * Eight H200 with NVLink multicast. vLLM issue 44079 publishes how much the fused one-shot kernel loses to unfused multimem +
 * norm: 1.9 µs per op just above 256 KiB, 4.3 µs at 512 KiB, and that it wins below and without symmetric memory. These
 * differences are its; the absolute times around them are made up, so the table is synthetic.
 */
export const ISSUE_44079: MeasuredTable = {
  specificationVersion: 1,
  kind: 'measured',
  name: '@made-up/vllm-44079',
  version: '1.0.0',
  title: '8 x H200 SXM: differences of vLLM issue 44079',
  synthetic: true,
  provenance: { source: 'vllm-project/vllm issue 44079 (differences); absolute times made up' },
  rows: [
    ...rows(['@arfuse/flashinfer/one-shot'], true, [
      [1, 7],
      [16, 9],
      [32, 12],
      [33, 13.4],
      [64, 19],
      [65, 19.3],
    ]),
    ...rows(['torch/multimem', 'vllm/norm'], true, [
      [1, 11],
      [16, 11.1],
      [32, 11.4],
      [33, 11.5],
      [64, 14.7],
      [65, 14.8],
    ]),
    ...rows(['vllm/custom-all-reduce-one-stage', 'vllm/norm'], true, [
      [1, 8],
      [16, 11],
      [31, 14],
    ]),
    ...rows(['vllm/custom-all-reduce-two-stage', 'vllm/norm'], true, [
      [32, 16],
      [33, 16.5],
      [64, 22],
      [65, 22.2],
    ]),
  ],
};
