import { itemsize, type NumericsRecord, type StepParameters } from '@arfuse/contract';
import type { EngineQuestion } from '../engine.ts';
import { entryOf } from './fused-form.ts';
import type { VllmHost } from './host.ts';
import type { VllmRelease } from './versions.ts';

const MIB = 2 ** 20;

/** What takes a plain all-reduce. */
export interface PickedAllReduce {
  readonly kernel: string;
  readonly params: StepParameters;
  readonly numerics: Partial<NumericsRecord>;
  readonly rule: string;
  readonly citation: string;
}

/** A backend that vLLM tries before. */
export interface PassedOver {
  readonly kernel: string;
  readonly reason: string;
  readonly citation: string;
}

export interface Dispatch {
  readonly picked: PickedAllReduce;
  readonly passedOver: readonly PassedOver[];
}

const RANK_ORDER: Partial<NumericsRecord> = {
  accumulate: 'f32',
  reduceOrder: 'rank',
  hopRounding: false,
  allReduceRounded: true,
  geometryInvariant: true,
};

const RING: Partial<NumericsRecord> = {
  accumulate: 'io',
  reduceOrder: 'ring',
  hopRounding: true,
  allReduceRounded: true,
  geometryInvariant: false,
};

/** The switch adds in an order that is not documented. */
const SWITCH: Partial<NumericsRecord> = {
  ...RANK_ORDER,
  reduceOrder: 'unspecified',
  geometryInvariant: false,
};

/** Where the switch between the custom all-reduce's forms was read; vLLM ships it compiled. */
const FORMS =
  'flashinfer-python 0.7.2.post1: data/include/flashinfer/comm/vllm_custom_all_reduce.cuh:475-490 (port of vLLM csrc/custom_all_reduce.cuh, which ships compiled)';

/** Bytes as vLLM's tables write them. */
export function formatSize(bytes: number): string {
  if (bytes >= MIB) return `${Number((bytes / MIB).toFixed(3))} MiB`;
  return bytes >= 1024 ? `${Number((bytes / 1024).toFixed(3))} KiB` : `${bytes} B`;
}

/** `tp`, `tp:0`, …: the only groups that get more than NCCL. A name of another capture is taken as one of them. */
export function isTensorParallel(groupName: string): boolean {
  const [name = ''] = groupName.split(':');
  return !['dp', 'pp', 'ep', 'pcp', 'dcp', 'world', 'etp', 'eplb'].includes(name);
}

/** Largest tensor of a standalone FlashInfer all-reduce in bytes, inclusive; 0 where it has no limit to go by. */
export function standaloneBytes(host: VllmHost, release: VllmRelease): number {
  const { target, group, facts, flashInfer } = host;
  const tuned =
    flashInfer.backend === 'mnnvl'
      ? facts.standalone.find(
          (row) =>
            row.capability === target.capability &&
            row.groupSize === group.size &&
            row.nodes === group.nodes,
        )
      : undefined;
  if (tuned) return Math.trunc(tuned.mib * MIB) - (facts.standaloneInclusive ? 0 : 1);
  return Math.trunc((entryOf(release.fusedMiB, target.capability, group.size) ?? 0) * MIB);
}

/** Largest tensor of the custom all-reduce in bytes, exclusive. */
export function customBytes({ target, group, facts, symmetric }: VllmHost): number {
  const row = symmetric.works ? facts.custom[target.capability]?.[group.size] : undefined;
  return Math.min(row ?? facts.customMiB, facts.customMiB) * MIB;
}

/** FlashInfer's own form of an all-reduce whose caller leaves it open (flashinfer-python 0.7.2.post1). */
export function flashInferForm(
  backend: 'trtllm' | 'mnnvl',
  ranks: number,
  bytes: number,
  tokens: number,
): 'one-shot' | 'two-shot' {
  if (backend === 'mnnvl') return ranks * bytes <= MIB ? 'one-shot' : 'two-shot';
  const limit: Readonly<Record<number, number>> = { 2: 512, 4: 64, 8: 42 };
  return tokens <= ranks || 2 * ranks * bytes <= (limit[ranks] ?? 0) * MIB
    ? 'one-shot'
    : 'two-shot';
}

/** Kernel id of a FlashInfer form. */
export function flashInferKernel(
  backend: 'trtllm' | 'mnnvl',
  form: 'one-shot' | 'two-shot',
): string {
  return backend === 'mnnvl' ? `flashinfer/mnnvl-${form}` : `@arfuse/flashinfer/${form}`;
}

/** One question, decided backend by backend in vLLM's order. */
class Order {
  readonly #host: VllmHost;
  readonly #release: VllmRelease;
  readonly #question: EngineQuestion;
  readonly #bytes: number;
  readonly #tp: boolean;
  readonly #passed: PassedOver[] = [];

  constructor(host: VllmHost, release: VllmRelease, question: EngineQuestion) {
    this.#host = host;
    this.#release = release;
    this.#question = question;
    this.#bytes = question.tokens * question.site.hidden * itemsize(question.site.dtype);
    this.#tp = isTensorParallel(question.groupName);
  }

  dispatch(): Dispatch {
    const picked =
      this.#ncclSymmetric() ??
      this.#pcieIpc() ??
      this.#flashInfer() ??
      this.#custom() ??
      this.#symmetric() ??
      this.#nccl();
    return { picked, passedOver: this.#passed };
  }

  #pass(kernel: string, reason: string, citation: string): undefined {
    this.#passed.push({ kernel, reason: `${reason}.`, citation });
    return undefined;
  }

  #flashInferRefusal(): string | undefined {
    const { flashInferInstalled, useFlashInfer, batchInvariant, flashInfer } = this.#host;
    const limit = standaloneBytes(this.#host, this.#release);
    if (!this.#tp) return `only group "tp" gets it, this is "${this.#question.groupName}"`;
    if (!flashInferInstalled) return 'FlashInfer is not installed';
    if (!useFlashInfer) return 'VLLM_ALLREDUCE_USE_FLASHINFER=0';
    if (batchInvariant) return 'VLLM_BATCH_INVARIANT=1';
    if (flashInfer.backend === null) return flashInfer.reason;
    if (limit <= 0) {
      const { target, group } = this.#host;
      return `its table has no row for compute capability ${target.capability / 10} and ${group.size} ranks`;
    }
    return this.#bytes > limit
      ? `${formatSize(this.#bytes)} is above its limit of ${formatSize(limit)}`
      : undefined;
  }

  #ncclSymmetric(): PickedAllReduce | undefined {
    const { facts, settings, group, batchInvariant } = this.#host;
    const kernel = '@arfuse/nccl/all-reduce-symmetric';
    const citation = facts.citations.ncclSymmetric;
    const pass = (reason: string) => this.#pass(kernel, reason, citation);
    if (settings.useNcclSymmetric !== true) return pass('VLLM_USE_NCCL_SYMM_MEM=0');
    if (batchInvariant) return pass('VLLM_BATCH_INVARIANT=1');
    if (this.#flashInferRefusal() === undefined) return pass('FlashInfer takes this size first');
    if (group.size < 4) return pass(`it is taken from 4 ranks on; the group has ${group.size}`);
    const gap = facts.ncclSymmetricGap[group.size];
    if (!gap && group.size <= facts.ncclSymmetricAbove)
      return pass(`it is never taken by groups of ${group.size}`);
    const [from, to] = gap ?? [0, 0];
    if (gap && this.#bytes > from * MIB && this.#bytes < to * MIB) {
      return pass(
        `${formatSize(this.#bytes)} is between ${formatSize(from * MIB)} and ${formatSize(to * MIB)}, where the custom all-reduce is preferred`,
      );
    }
    return {
      kernel,
      params: {},
      numerics: { ...RING, accumulate: 'f32', hopRounding: false },
      rule: `NCCL symmetric memory takes ${formatSize(this.#bytes)} in a group of ${group.size}.`,
      citation,
    };
  }

  #pcieIpc(): PickedAllReduce | undefined {
    const { settings, batchInvariant, group } = this.#host;
    const { site } = this.#question;
    const kernel = 'flashinfer/pcie-ipc-all-reduce';
    const citation = this.#host.facts.citations.order;
    const pass = (reason: string) => this.#pass(kernel, reason, citation);
    if (settings.usePcieIpc !== true) return pass('VLLM_ALLREDUCE_USE_FLASHINFER_PCIE_IPC=0');
    if (!this.#tp) return pass(`only group "tp" gets it, this is "${this.#question.groupName}"`);
    if (batchInvariant) return pass('VLLM_BATCH_INVARIANT=1');
    if (![2, 4, 8].includes(group.size) || group.nodes > 1)
      return pass(
        `it serves 2, 4 or 8 ranks of one node; the group has ${group.size} on ${group.nodes}`,
      );
    if (site.dtype === 'f32') return pass('it takes bf16 and f16; the activations are f32');
    return {
      kernel,
      params: {},
      numerics: RANK_ORDER,
      rule: 'VLLM_ALLREDUCE_USE_FLASHINFER_PCIE_IPC=1 takes every size that its workspace holds.',
      citation,
    };
  }

  #flashInfer(): PickedAllReduce | undefined {
    const { facts, flashInfer, group } = this.#host;
    const limit = standaloneBytes(this.#host, this.#release);
    const citation = facts.citations.standalone;
    const refusal = this.#flashInferRefusal();
    if (refusal !== undefined || flashInfer.backend === null)
      return this.#pass('flashinfer all-reduce', refusal ?? flashInfer.reason, citation);
    const { tokens } = this.#question;
    const form = flashInferForm(flashInfer.backend, group.size, this.#bytes, tokens);
    return {
      kernel: flashInferKernel(flashInfer.backend, form),
      params: { pdl: true, triggerCompletionAtEnd: tokens > 16 },
      // vLLM leaves FlashInfer's default, which rounds the running sum at every rank.
      numerics: {
        ...RANK_ORDER,
        accumulate: flashInfer.backend === 'trtllm' && group.size > 2 ? 'io' : 'f32',
      },
      rule: `FlashInfer (${flashInfer.backend}, ${form}) takes up to ${formatSize(limit)}; this is ${formatSize(this.#bytes)}.`,
      citation,
    };
  }

  #custom(): PickedAllReduce | undefined {
    const { facts, settings, group, symmetric, fullNvlink, batchInvariant } = this.#host;
    const citation = facts.citations.custom;
    const limit = customBytes(this.#host);
    const pass = (reason: string) => this.#pass('vllm/custom-all-reduce', reason, citation);
    if (!this.#tp) return pass(`only group "tp" gets it, this is "${this.#question.groupName}"`);
    if (settings.disableCustomAllReduce === true) return pass('disable_custom_all_reduce=true');
    if (!facts.customGroupSizes.includes(group.size))
      return pass(`it serves 2, 4, 6 or 8 ranks; the group has ${group.size}`);
    if (group.nodes > 1) return pass(`it serves one node; the group spans ${group.nodes}`);
    if (group.size !== 2 && !fullNvlink)
      return pass('more than 2 ranks need NVLink between all of them');
    if (this.#bytes % 16 !== 0) return pass(`${this.#bytes} bytes are no multiple of 16`);
    if (!batchInvariant && this.#bytes >= limit) {
      const why = symmetric.works ? 'where symmetric memory works' : 'its buffer';
      return pass(`${formatSize(this.#bytes)} is not below ${formatSize(limit)}, ${why}`);
    }
    const oneStage = group.size === 2 || this.#bytes < (group.size <= 4 ? 512 : 256) * 1024;
    return {
      kernel: `vllm/custom-all-reduce-${oneStage ? 'one' : 'two'}-stage`,
      params: {},
      numerics: RANK_ORDER,
      rule: batchInvariant
        ? 'VLLM_BATCH_INVARIANT=1: the custom all-reduce takes every size, in chunks.'
        : `the custom all-reduce takes less than ${formatSize(limit)}; this is ${formatSize(this.#bytes)}.`,
      citation: `${citation}; ${FORMS}`,
    };
  }

  #symmetric(): PickedAllReduce | undefined {
    const { facts, symmetric, batchInvariant, target, group } = this.#host;
    const { site } = this.#question;
    const citation = facts.citations.symmetric;
    const mib = facts.symmetric[target.capability]?.[group.size] ?? 0;
    const multimem = facts.multimem[target.capability]?.includes(group.size) ?? false;
    const kernel = multimem ? 'torch/multimem' : 'torch/two_shot';
    const pass = (reason: string) => this.#pass(kernel, reason, citation);
    if (!this.#tp) return pass(`only group "tp" gets it, this is "${this.#question.groupName}"`);
    if (!symmetric.works) return pass(symmetric.reason);
    if (batchInvariant) return pass('VLLM_BATCH_INVARIANT=1');
    if (site.dtype !== 'bf16') return pass(`it takes bf16; the activations are ${site.dtype}`);
    if (this.#bytes % 4 !== 0) return pass(`${this.#bytes} bytes are no multiple of 4`);
    if (this.#bytes > mib * MIB)
      return pass(`${formatSize(this.#bytes)} is above its limit of ${mib} MiB`);
    return {
      kernel,
      params: {},
      numerics: multimem ? SWITCH : RANK_ORDER,
      rule: `PyTorch symmetric memory (${multimem ? 'multimem' : 'two-shot'}) takes up to ${mib} MiB; this is ${formatSize(this.#bytes)}.`,
      citation,
    };
  }

  #nccl(): PickedAllReduce {
    const { facts, group } = this.#host;
    return {
      kernel: '@arfuse/nccl/all-reduce',
      params: {},
      numerics: group.size <= 2 ? RANK_ORDER : RING,
      rule: `no backend before it takes ${formatSize(this.#bytes)}: NCCL.`,
      citation: facts.citations.order,
    };
  }
}

/** What vLLM dispatches a plain all-reduce to, and why not to what it tries before. */
export function dispatchAllReduce(
  host: VllmHost,
  release: VllmRelease,
  question: EngineQuestion,
): Dispatch {
  return new Order(host, release, question).dispatch();
}
