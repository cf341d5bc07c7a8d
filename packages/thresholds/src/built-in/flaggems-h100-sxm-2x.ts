import type { MeasuredTable, TableKey } from '@arfuse/contract';
import { rows } from './build.ts';

const key: TableKey = {
  sku: 'h100-sxm',
  capability: 90,
  groupSize: 2,
  nodes: 1,
  interconnect: 'nvlink-switch',
  multicast: null,
  dtype: 'bf16',
  pattern: 'ar_add_rms',
  mode: 'graph',
};

/** FlashInfer's and FlagGems' one-shot fusions at hidden 6144 on two of eight H100, as their authors published them. */
export const flagGemsH100Sxm2x: MeasuredTable = {
  specificationVersion: 1,
  kind: 'measured',
  name: '@arfuse/thresholds/flaggems-h100-sxm-2x',
  version: '1.0.0',
  title: '2 of 8 H100 SXM: published one-shot times at hidden 6144',
  provenance: {
    source: 'flagos-ai/FlagGems-vllm pull request #773',
    cuda: '13.0.3',
    flashinfer: '0.6.16.post3',
    host: 'one node, 8 x H100 80GB HBM3',
    protocol:
      'CUDA graph, PDL on, fp32 accumulation, maximum over ranks, 100 warm-ups, 1000 replays per sample, median of 7 alternating samples',
  },
  rows: [
    ...rows(
      key,
      {
        kernels: ['@arfuse/flashinfer/one-shot'],
        hidden: 6144,
        implementation: { implementation: 'flashinfer', version: '0.6.16.post3' },
        variant: 'pdl',
        n: 7,
      },
      [
        [6, 6.9826],
        [138, 12.9792],
      ],
    ),
    ...rows(key, { kernels: ['flaggems-vllm/peer-one-shot'], hidden: 6144, variant: 'pdl', n: 7 }, [
      [6, 6.7013],
      [138, 12.9371],
    ]),
  ],
};
