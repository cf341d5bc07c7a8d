import { canonicalJson, itemsize, type LaunchMode } from '@arfuse/contract';
import { describe, expect, it } from 'vitest';
import type { EngineScope } from '../../src/index.ts';
import { norm, STAGES, siteClass } from '../support.ts';
import { type Box, MIB, NO_FUSION, plainOf, scopeOf, sglang } from './support.ts';

/** All that the default workspace holds, and more than the fusion takes. */
const mostOf = ({ hidden, dtype }: EngineScope['site']): number =>
  Math.max(2200, (16 * MIB) / (hidden * itemsize(dtype)) + 16);

const BOXES: readonly Box[] = [
  {},
  { multicast: true },
  { config: NO_FUSION },
  ...[2, 3, 4, 5, 6, 7].map((size) => ({ size, multicast: true, config: NO_FUSION })),
  ...[4, 8, 16].flatMap((size) =>
    [100, 107].map((capability) => ({ capability, size, multicast: true })),
  ),
  { capability: 80, config: NO_FUSION },
  { config: { ...NO_FUSION, 'enable-mscclpp': 'true', 'enable-symm-mem': 'true' } },
  {
    multicast: true,
    config: { ...NO_FUSION, 'disable-custom-all-reduce': 'true', 'enable-torch-symm-mem': 'true' },
  },
  { config: NO_FUSION, env: { SGLANG_OPT_USE_CUSTOM_ALL_REDUCE_V2: '0' } },
  { size: 4, config: NO_FUSION, env: { SGLANG_OPT_USE_CUSTOM_ALL_REDUCE_V2: '0' } },
  { config: NO_FUSION, env: { SGLANG_CUSTOM_ALL_REDUCE_V2_MAX_SIZE_KB: '777' } },
  { config: NO_FUSION, env: { SGLANG_FORCE_CUSTOM_ALL_REDUCE_V2_PUSH_SIZE_KB: '999' } },
  {
    capability: 120,
    interconnect: 'pcie',
    config: NO_FUSION,
    env: { SGLANG_ENABLE_PCIE_IPC_ALLREDUCE: '1', SGLANG_PCIE_IPC_MAX_NUMEL: '1234567' },
  },
  { config: { model_architecture: 'MiniMaxM3SparseForCausalLM' } },
  {
    multicast: true,
    config: {
      model_architecture: 'MiniMaxM3SparseForCausalLM',
      'flashinfer-allreduce-fusion-backend': 'auto',
    },
  },
  { capability: 100, multicast: true, config: { model_architecture: 'MiMoV2ForCausalLM' } },
  {
    capability: 100,
    size: 8,
    nodes: 2,
    sku: 'gb200',
    multicast: true,
    config: { expandable_segments: 'true' },
  },
];

const SITES: readonly EngineScope['site'][] = [
  siteClass({ hidden: 6144 }),
  siteClass({ hidden: 65536 }),
  siteClass({ hidden: 2050 }),
  siteClass({
    hidden: 1023,
    dtype: 'f32',
    stages: [STAGES[0]!, STAGES[1]!, { ...norm, weightDtype: 'f32' }],
  }),
  plainOf(2881, 'f16'),
];

describe('edges', () => {
  it.each(BOXES)('are all row counts at which an answer changes: %o', (box) => {
    const engine = sglang(box);
    for (const site of SITES) {
      const scope = scopeOf(box, site);
      const edges = engine.edges(scope);
      expect(edges).toEqual([...new Set(edges)].sort((a, b) => a - b));
      expect(edges[0]).toBeGreaterThanOrEqual(1);
      const known = new Set(edges);
      const key = (tokens: number, mode: LaunchMode): string => {
        const { steps, fused } = engine.today({ ...scope, tokens, mode });
        return canonicalJson([fused, steps]);
      };
      for (const mode of ['graph', 'eager'] as const) {
        let previous = key(1, mode);
        for (let tokens = 2; tokens <= mostOf(site); tokens += 1) {
          const now = key(tokens, mode);
          if (now !== previous && !(known.has(tokens) && known.has(tokens - 1)))
            expect.fail(
              `${site.id} hidden ${site.hidden}, ${mode}: ${tokens - 1} → ${tokens} is no edge`,
            );
          previous = now;
        }
      }
    }
  });
});
