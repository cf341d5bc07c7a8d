import type { MeasuredRow, MeasuredTable, TableKey } from '@arfuse/contract';
import type { EvidenceContext, EvidenceQuery } from '../src/index.ts';

export const ONE_SHOT = ['@arfuse/flashinfer/one-shot'];
export const TWO_SHOT = ['@arfuse/flashinfer/two-shot'];
export const NCCL = ['@arfuse/nccl/all-reduce', '@arfuse/native/norm'];

/** Two H200 SXM without multicast, one chain of hidden 8192 in CUDA graphs. */
export const h200: EvidenceContext = {
  pattern: 'ar_add_rms',
  hidden: 8192,
  itemsize: 2,
  dtype: 'bf16',
  mode: 'graph',
  groupSize: 2,
  nodes: 1,
  sku: 'h200-sxm',
  capability: 90,
  interconnect: 'nvlink-switch',
  multicast: false,
};

export function ask(
  kernels: readonly string[],
  tokens: number,
  context: Partial<EvidenceContext> = {},
): EvidenceQuery {
  return { ...h200, ...context, kernels, tokens };
}

export const key: TableKey = {
  sku: 'h200-sxm',
  capability: 90,
  groupSize: 2,
  nodes: 1,
  interconnect: 'nvlink-switch',
  multicast: false,
  dtype: 'bf16',
  pattern: 'ar_add_rms',
  mode: 'graph',
};

export function row(
  tokens: number,
  medianUs: number,
  more: Partial<MeasuredRow> = {},
): MeasuredRow {
  return { key, tokens, hidden: 8192, itemsize: 2, kernels: ONE_SHOT, medianUs, ...more };
}

export function table(
  rows: readonly MeasuredRow[],
  more: Partial<MeasuredTable> = {},
): MeasuredTable {
  return {
    specificationVersion: 1,
    kind: 'measured',
    name: '@acme/table',
    version: '1.0.0',
    title: 'made up',
    synthetic: true,
    provenance: { source: 'made up for a test' },
    rows,
    ...more,
  };
}
