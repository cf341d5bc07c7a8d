import { describe, expect, it } from 'vitest';
import { ask, type Box, KIB, MIB, NCCL, NO_FUSION, plainKernel, plainOf } from './support.ts';

const SYMMETRIC = '@arfuse/nccl/all-reduce-symmetric';
const NO_CUSTOM = { ...NO_FUSION, 'disable-custom-all-reduce': 'true' };
const TORCH = { ...NO_CUSTOM, 'enable-torch-symm-mem': 'true' };

const reasonOf = (box: Box, kernel: string, tokens = 16, mode: 'graph' | 'eager' = 'graph') =>
  ask(box, tokens, mode).passedOver.find((passed) => passed.kernel === kernel)?.reason;

describe("SGLang's order of plain all-reduces", () => {
  it('lists everything that it asks before, in its order', () => {
    const chain = ask({ config: NO_CUSTOM }, 16);
    expect(chain.steps[0]!.kernel).toBe(NCCL);
    expect(chain.passedOver.map(({ kernel, reason }) => `${kernel}: ${reason}`)).toEqual([
      '@arfuse/nccl/all-reduce-symmetric: enable-symm-mem is off.',
      'flashinfer all-reduce: there is no workspace: enforce-disable-flashinfer-allreduce-fusion=true.',
      'sglang custom all-reduce: disable-custom-all-reduce=true.',
      'flashinfer/pcie-ipc-all-reduce: SGLANG_ENABLE_PCIE_IPC_ALLREDUCE=0.',
      'mscclpp/all-reduce: enable-mscclpp is off.',
      'torch/multimem: enable-torch-symm-mem is off.',
    ]);
    for (const { citation } of chain.passedOver)
      expect(citation).toMatch(/^sglang 0\.5\.23: .+\.py/);
  });

  it('runs what is left of a site in its norm, and a pair as two all-reduces', () => {
    const { steps, fused } = ask({ config: NO_CUSTOM }, 16);
    expect(fused).toBe(false);
    expect(steps).toEqual([
      { kernel: NCCL, params: {}, covers: ['all_reduce'] },
      { kernel: 'sglang/norm', params: {}, covers: ['residual', 'norm'] },
    ]);
    expect(ask({ config: NO_CUSTOM }, 16, 'graph', plainOf(4096)).steps).toHaveLength(1);
  });

  describe('PyTorch symmetric memory', () => {
    it.each([
      [90, 2, 64, 'torch/two_shot'],
      [90, 4, 64, 'torch/multimem'],
      [90, 6, 128, 'torch/multimem'],
      [90, 8, 128, 'torch/multimem'],
      [100, 2, 64, 'torch/two_shot'],
      [103, 4, 64, 'torch/multimem'],
      [107, 8, 128, 'torch/multimem'],
    ])('at %i with %i ranks takes less than %i MiB by %s', (capability, size, mib, kernel) => {
      const box: Box = { capability, size, multicast: true, config: TORCH };
      const last = mib * MIB;
      expect(plainKernel(box, last - 16)).toBe(kernel);
      expect(plainKernel(box, last)).toBe(NCCL);
      expect(plainKernel(box, last + 16)).toBe(NCCL);
    });

    it('stands behind the custom all-reduce', () => {
      const config = { ...NO_FUSION, 'enable-torch-symm-mem': 'true' };
      const box: Box = { multicast: true, config };
      expect(plainKernel(box, 16 * MIB)).toBe('sglang/pull-two-shot-multicast');
      expect(plainKernel(box, 16 * MIB + 16)).toBe('torch/multimem');
    });

    it.each([
      [
        { multicast: false },
        'its multicast pointer is 0: the group has no NVLink multicast (multicast=off).',
      ],
      [{ size: 3 }, 'it serves 2, 4, 6 or 8 ranks; the group has 3.'],
      [
        { capability: 120, multicast: true },
        'it serves compute capability 9.x and 10.x; the target has 12.',
      ],
      [{ groupName: 'attention_tp:0' }, 'group attention_tp does not get it.'],
    ])('passes for %o', (more, reason) => {
      const box: Box = { multicast: true, config: TORCH, ...more };
      const kernel = box.size === 3 ? 'torch/two_shot' : 'torch/multimem';
      expect(reasonOf(box, kernel)).toBe(reason);
    });

    it('takes bf16 only', () => {
      const box: Box = { multicast: true, config: TORCH };
      expect(ask(box, 16, 'graph', plainOf(4096, 'f16')).steps[0]!.kernel).toBe(NCCL);
    });
  });

  describe('NCCL', () => {
    it('over symmetric memory takes what the custom all-reduce does not', () => {
      const box: Box = { config: { ...NO_FUSION, 'enable-symm-mem': 'true' } };
      expect(plainKernel(box, 16 * MIB)).toBe('sglang/pull-two-shot');
      expect(plainKernel(box, 16 * MIB + 16)).toBe(SYMMETRIC);
      expect(plainKernel({ config: { ...NO_CUSTOM, 'enable-symm-mem': 'true' } }, 16)).toBe(
        SYMMETRIC,
      );
      expect(reasonOf(box, SYMMETRIC)).toBe('the custom all-reduce takes this size first.');
    });

    it('stands before FlashInfer over symmetric memory where the custom all-reduce is off', () => {
      const config = { 'disable-custom-all-reduce': 'true', 'enable-symm-mem': 'true' };
      expect(plainKernel({ multicast: true, config }, 16 * KIB)).toBe(SYMMETRIC);
      expect(
        plainKernel({ multicast: true, config: { 'disable-custom-all-reduce': 'true' } }, 16 * KIB),
      ).toBe('@arfuse/flashinfer/one-shot');
    });

    it.each([
      [{}, {}, 'ring', ' without NVLS.'],
      [{ 'enable-nccl-nvls': 'true' }, {}, 'unspecified', ', which may take NVLS.'],
      [{}, { NCCL_NVLS_ENABLE: '1' }, 'unspecified', ', which may take NVLS.'],
      [
        { 'enable-deterministic-inference': 'true' },
        {},
        'tree',
        ', pinned to its tree and to its number of channels.',
      ],
    ] as const)('with %o and %o adds by %s', (more, env, reduceOrder, rule) => {
      const config = { ...NO_CUSTOM, ...more };
      const chain = ask({ multicast: true, config, env }, 16);
      expect(chain.steps[0]!.kernel).toBe(NCCL);
      expect(chain.numerics.reduceOrder).toBe(reduceOrder);
      expect(chain.rule.endsWith(rule)).toBe(true);
    });

    it('has no NVLS without multicast', () => {
      const config = { ...NO_CUSTOM, 'enable-nccl-nvls': 'true' };
      expect(ask({ config }, 16).rule.endsWith(' without NVLS.')).toBe(true);
    });
  });

  describe('deterministic inference', () => {
    it('leaves NCCL alone', () => {
      const config = { 'enable-deterministic-inference': 'true' };
      const env = { SGLANG_ENABLE_PCIE_IPC_ALLREDUCE: '1' };
      const chain = ask({ multicast: true, config, env }, 16);
      expect(chain.steps.map(({ kernel }) => kernel)).toEqual([NCCL, 'sglang/norm']);
      expect(chain.numerics.geometryInvariant).toBe(true);
      const reasons = chain.passedOver.map(({ reason }) => reason);
      expect(
        reasons.filter((reason) => reason.includes('enable-deterministic-inference=true')),
      ).toHaveLength(3);
    });
  });

  describe('MSCCL++', () => {
    const config = { ...NO_FUSION, 'enable-mscclpp': 'true' };

    it.each([4, 8, 16])(
      'takes up to 8 MiB in graphs of %i ranks, before the custom all-reduce',
      (size) => {
        const box: Box = { capability: 100, size, config };
        expect(plainKernel(box, 8 * MIB - 16)).toBe('mscclpp/all-reduce');
        expect(plainKernel(box, 8 * MIB)).toBe('mscclpp/all-reduce');
        expect(plainKernel(box, 8 * MIB + 16)).toBe('sglang/pull-two-shot');
        expect(plainKernel(box, 4 * KIB, 'eager')).toBe('sglang/push-one-shot');
      },
    );

    it('does not serve other groups', () => {
      expect(plainKernel({ size: 6, config }, 4 * KIB)).toBe('sglang/push-one-shot');
    });

    it.each([
      [2, 2],
      [4, 4],
      [8, 8],
    ])('takes up to a MiB for each of %i nodes', (nodes, mib) => {
      const box: Box = { size: 16, nodes, config };
      expect(plainKernel(box, mib * MIB)).toBe('mscclpp/all-reduce');
      expect(plainKernel(box, mib * MIB + 16)).toBe(NCCL);
    });
  });

  describe("FlashInfer's PCIe-IPC all-reduce", () => {
    const env = { SGLANG_ENABLE_PCIE_IPC_ALLREDUCE: '1' };
    const box: Box = { capability: 120, size: 8, interconnect: 'pcie', config: NO_FUSION, env };
    const kernel = 'flashinfer/pcie-ipc-all-reduce';

    it('takes as many rows as the largest graph', () => {
      const at = (tokens: number, more: Partial<Box> = {}) =>
        ask({ ...box, ...more }, tokens, 'eager').steps[0]!.kernel;
      expect([at(511), at(512), at(513)]).toEqual([kernel, kernel, NCCL]);
      expect([at(64, { graphUpTo: 0 }), at(65, { graphUpTo: 0 })]).toEqual([kernel, NCCL]);
    });

    it('takes as many elements as it is told', () => {
      const told = { ...box, env: { ...env, SGLANG_PCIE_IPC_MAX_NUMEL: String(4096 * 3) } };
      expect(ask(told, 3).steps[0]!.kernel).toBe(kernel);
      expect(ask(told, 4).steps[0]!.kernel).toBe(NCCL);
    });

    it.each([
      [{ size: 6 }, 'it serves 2, 4 or 8 ranks of one node; the group has 6 on 1.'],
      [{ nodes: 2 }, 'it serves 2, 4 or 8 ranks of one node; the group has 8 on 2.'],
      [{ groupName: 'moe_ep' }, 'only group tp gets it, this is moe_ep.'],
    ])('passes for %o', (more, reason) => {
      expect(reasonOf({ ...box, ...more }, kernel)).toBe(reason);
    });

    it('stands behind the custom all-reduce where there is NVLink', () => {
      expect(plainKernel({ config: NO_FUSION, env }, 4 * KIB)).toBe('sglang/push-one-shot');
      expect(
        ask({ ...box, config: NO_FUSION }, 1, 'graph', plainOf(4096, 'f16')).steps[0]!.kernel,
      ).toBe(NCCL);
    });
  });

  describe('the custom all-reduce before v2', () => {
    const legacy: Box = { config: NO_FUSION, env: { SGLANG_OPT_USE_CUSTOM_ALL_REDUCE_V2: '0' } };

    it.each([
      [2, 'one', 8 * MIB],
      [4, 'one', 512 * KIB - 16],
      [4, 'two', 8 * MIB],
      [6, 'one', 256 * KIB - 16],
      [8, 'one', 256 * KIB - 16],
      [8, 'two', 8 * MIB],
    ])('with %i ranks runs in %s stage(s) up to %i bytes', (size, stage, last) => {
      const box = { ...legacy, size };
      const kernel = `vllm/custom-all-reduce-${stage}-stage`;
      expect(plainKernel(box, last - 16)).toBe(kernel);
      expect(plainKernel(box, last)).toBe(kernel);
      expect(plainKernel(box, last + 16)).not.toBe(kernel);
    });

    it('is what two ranks without NVLink get, and more ranks get nothing', () => {
      const pcie: Box = { interconnect: 'pcie', config: NO_FUSION };
      expect(plainKernel({ ...pcie, size: 2 }, 4 * KIB)).toBe('vllm/custom-all-reduce-one-stage');
      expect(plainKernel({ ...pcie, size: 4 }, 4 * KIB)).toBe(NCCL);
      expect(
        plainKernel({ size: 2, interconnect: 'nvlink-bridge', config: NO_FUSION }, 4 * KIB),
      ).toBe('sglang/push-one-shot');
    });

    it('does not serve 3 ranks, nor several nodes', () => {
      expect(plainKernel({ ...legacy, size: 3 }, 4 * KIB)).toBe(NCCL);
      expect(plainKernel({ ...legacy, nodes: 2 }, 4 * KIB)).toBe(NCCL);
    });
  });

  describe('several nodes', () => {
    const rack: Box = { capability: 100, size: 8, nodes: 2, sku: 'gb200', config: NO_FUSION };

    it('need one NVLink clique and expandable segments for the custom all-reduce', () => {
      const with_ = (more: Record<string, string>, sku = 'gb200') =>
        plainKernel({ ...rack, sku, config: { ...NO_FUSION, ...more } }, 4 * KIB);
      expect(with_({})).toBe(NCCL);
      expect(with_({ expandable_segments: 'true' })).toBe('sglang/push-one-shot');
      expect(with_({ expandable_segments: 'true', nvlink_clique: 'false' })).toBe(NCCL);
      expect(with_({ expandable_segments: 'true' }, 'b200')).toBe(NCCL);
      expect(with_({ expandable_segments: 'true', nvlink_clique: 'true' }, 'b200')).toBe(
        'sglang/push-one-shot',
      );
    });
  });

  describe('groups', () => {
    it.each([
      ['tp', 'sglang/push-one-shot'],
      ['tp:0', 'sglang/push-one-shot'],
      ['0', 'sglang/push-one-shot'],
      ['attention_tp:0', 'sglang/push-one-shot'],
      ['attn_cp', 'sglang/push-one-shot'],
      ['moe_ep', NCCL],
      ['moe_tp', NCCL],
      ['pp', NCCL],
      ['shared_experts_tp', NCCL],
      ['world', NCCL],
    ])('%s gets %s', (groupName, kernel) => {
      expect(plainKernel({ groupName, config: NO_FUSION }, 4 * KIB)).toBe(kernel);
    });

    it.each([
      ['tp', {}, '@arfuse/flashinfer/one-shot'],
      ['moe_ep', {}, '@arfuse/flashinfer/one-shot'],
      ['moe_tp', {}, NCCL],
      ['attn_cp', {}, 'sglang/push-one-shot'],
      ['tp', { 'attn-cp-size': '2' }, 'sglang/push-one-shot'],
      ['attention_tp', { 'attn-cp-size': '2' }, '@arfuse/flashinfer/one-shot'],
    ])('%s with a fusion backend and %o gets %s', (groupName, config, kernel) => {
      expect(plainKernel({ groupName, multicast: true, config }, 4 * KIB)).toBe(kernel);
    });
  });
});
