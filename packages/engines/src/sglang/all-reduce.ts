import { itemsize, type NumericsRecord, type StepParameters } from '@arfuse/contract';
import type { EngineQuestion } from '../engine.ts';
import { flashInferForm, flashInferKernel, formatSize } from '../vllm/all-reduce.ts';
import { largestSize, pickAlgorithm } from './custom-all-reduce.ts';
import {
  LEGACY_CUSTOM,
  MSCCLPP,
  MULTIMEM_GROUP_SIZES,
  PCIE_IPC_FALLBACK_ROWS,
  PCIE_IPC_GROUP_SIZES,
  SGLANG,
} from './facts-0.5.23.ts';
import { flashInferFusion, WORKSPACE_TOKENS } from './fused.ts';
import { type GroupFacts, groupFacts, sglangGroup } from './groups.ts';
import type { SglangHost } from './host.ts';
import { LIBRARY, RANK_ORDER, RING, SWITCH, SYMMETRIC_RING, TREE } from './numerics.ts';

const MIB = 2 ** 20;

/** What takes a plain all-reduce. */
export interface PickedAllReduce {
  readonly kernel: string;
  readonly params: StepParameters;
  readonly numerics: Partial<NumericsRecord>;
  readonly rule: string;
  readonly citation: string;
}

/** What takes a plain all-reduce, and what SGLang asks before. */
export interface Dispatch {
  readonly picked: PickedAllReduce;
  readonly passedOver: readonly {
    readonly kernel: string;
    readonly reason: string;
    readonly citation: string;
  }[];
}

type Passed = Dispatch['passedOver'][number];

/** A backend's word on one launch. */
type Answer = PickedAllReduce | Passed;

const taken = (answer: Answer): answer is PickedAllReduce => 'rule' in answer;

const LEGACY_FORMS =
  'its form as in flashinfer-python 0.7.2.post1: data/include/flashinfer/comm/vllm_custom_all_reduce.cuh:475-490 (the same port of vLLM; sgl-kernel ships it compiled)';

/** Rows that the PCIe-IPC workspace holds: the largest decode batch, which the largest graph is taken for. */
export const pcieIpcElements = (host: SglangHost, hidden: number): number =>
  host.settings.pcieIpcMaxElements ||
  (host.target.tokens.graphUpTo || PCIE_IPC_FALLBACK_ROWS) * hidden;

/** Largest MSCCL++ size of a group in bytes, inclusive; 0 where it serves none. */
export function mscclppBytes({ group }: SglangHost): number {
  if (group.nodes === 1)
    return (MSCCLPP.groupSizes as readonly number[]).includes(group.size) ? MSCCLPP.bytes : 0;
  const served =
    (MSCCLPP.nodeCounts as readonly number[]).includes(group.nodes) &&
    [...MSCCLPP.groupSizes, 64].includes(group.size);
  return served ? Math.min(MSCCLPP.bytes, MSCCLPP.bytesPerNode * group.nodes) : 0;
}

/** One launch, asked backend by backend. */
class Launch {
  readonly #host: SglangHost;
  readonly #question: EngineQuestion;
  readonly #group: GroupFacts;
  readonly #name: string;
  readonly #bytes: number;

  constructor(host: SglangHost, question: EngineQuestion) {
    this.#host = host;
    this.#question = question;
    this.#group = groupFacts(question.groupName);
    this.#name = sglangGroup(question.groupName);
    this.#bytes = question.tokens * question.site.hidden * itemsize(question.site.dtype);
  }

  /** SGLang's order; MSCCL++ is asked before the custom all-reduce, though it stands behind it. */
  dispatch(): Dispatch {
    const mscclpp = this.#mscclpp();
    const custom = this.#custom(mscclpp);
    const asked = [
      this.#ncclSymmetric(mscclpp, custom),
      this.#flashInfer(),
      custom,
      this.#pcieIpc(mscclpp),
      mscclpp,
      this.#torchSymmetric(),
    ];
    const at = asked.findIndex(taken);
    const picked = asked[at];
    const before = at < 0 ? asked : asked.slice(0, at);
    return {
      picked: picked && taken(picked) ? picked : this.#nccl(),
      passedOver: before.flatMap((answer) => (taken(answer) ? [] : [answer])),
    };
  }

  #pass(kernel: string, reason: string, citation: string): Answer {
    return { kernel, reason: `${reason}.`, citation };
  }

  #mscclpp(): Answer {
    const kernel = 'mscclpp/all-reduce';
    const pass = (reason: string) => this.#pass(kernel, reason, SGLANG.mscclpp);
    const { settings, group } = this.#host;
    const most = mscclppBytes(this.#host);
    if (settings.mscclpp !== true) return pass('enable-mscclpp is off');
    if (!this.#group.mscclpp) return pass(`group ${this.#name} does not get it`);
    if (most === 0) return pass(`it does not serve ${group.size} ranks on ${group.nodes} node(s)`);
    if (this.#question.mode !== 'graph') return pass('it runs in captured graphs only');
    if (this.#bytes > most)
      return pass(`${formatSize(this.#bytes)} is above the ${formatSize(most)} that are tuned`);
    return {
      kernel,
      params: {},
      numerics: LIBRARY,
      rule: `MSCCL++ takes up to ${formatSize(most)} in graphs, by the algorithm that it tunes when the server starts; this is ${formatSize(this.#bytes)}.`,
      citation: SGLANG.mscclpp,
    };
  }

  #ncclSymmetric(mscclpp: Answer, custom: Answer): Answer {
    const kernel = '@arfuse/nccl/all-reduce-symmetric';
    const pass = (reason: string) => this.#pass(kernel, reason, SGLANG.order);
    if (this.#host.settings.ncclSymmetric !== true) return pass('enable-symm-mem is off');
    if (!this.#group.pynccl) return pass(`group ${this.#name} does not get it`);
    if (taken(mscclpp)) return pass('MSCCL++ takes this size first');
    if (taken(custom)) return pass('the custom all-reduce takes this size first');
    return {
      kernel,
      params: {},
      numerics: this.#host.group.size <= 2 ? RANK_ORDER : SYMMETRIC_RING,
      rule: `enable-symm-mem: NCCL over symmetric memory takes what the custom all-reduce does not, here ${formatSize(this.#bytes)}.`,
      citation: SGLANG.order,
    };
  }

  #flashInfer(): Answer {
    const { group, attentionDp, settings } = this.#host;
    const { site, tokens } = this.#question;
    const pass = (reason: string) =>
      this.#pass('flashinfer all-reduce', reason, SGLANG.plainFlashInfer);
    const fusion = flashInferFusion(this.#host);
    if (!fusion.works) return pass(`there is no workspace: ${fusion.reason}`);
    const { backend } = fusion;
    if (backend === 'cutedsl') return pass('backend cutedsl reduces in fused launches only');
    const whole = attentionDp === 1 && (settings.attentionCp ?? 1) === 1;
    if (!this.#group.flashInfer || (this.#name === 'tp' && !whole))
      return pass(`group ${this.#name} has no workspace`);
    if (site.dtype === 'f32') return pass('the workspace is made for 16-bit activations');
    if (site.hidden % (16 / itemsize(site.dtype)) !== 0)
      return pass(`rows of ${site.hidden} elements are no multiple of 16 bytes`);
    if (tokens > WORKSPACE_TOKENS)
      return pass(`${tokens} tokens are more than its workspace holds (${WORKSPACE_TOKENS})`);
    const form = flashInferForm(backend, group.size, this.#bytes, tokens);
    return {
      kernel: flashInferKernel(backend, form),
      params: { pdl: true, fp32Acc: true, triggerCompletionAtEnd: false },
      numerics: RANK_ORDER,
      rule: `with a fusion backend, FlashInfer (${backend}, ${form}) takes plain all-reduces up to ${WORKSPACE_TOKENS} tokens.`,
      citation: SGLANG.plainFlashInfer,
    };
  }

  #custom(mscclpp: Answer): Answer {
    const { custom, group, settings } = this.#host;
    const pass = (reason: string, citation: string) =>
      this.#pass('sglang custom all-reduce', reason, citation);
    if (!this.#group.custom) return pass(`group ${this.#name} does not get it`, SGLANG.groups);
    if (!custom.works) return pass(custom.reason, SGLANG.customHost);
    if (taken(mscclpp)) return pass('MSCCL++ takes this size first', SGLANG.order);
    if (this.#bytes % 16 !== 0)
      return pass(`${this.#bytes} bytes are no multiple of 16`, SGLANG.customOrder);
    if (custom.version === 1) return this.#legacy();
    // Inputs of other nodes cannot be registered with a graph, so graphs there take the eager sizes.
    const mode = group.nodes > 1 ? 'eager' : this.#question.mode;
    const citation = `${SGLANG.custom}:${custom.sizes.lines}; order ${SGLANG.customOrder}; clip ${SGLANG.customClip}`;
    const found = pickAlgorithm(custom.sizes, mode, this.#bytes);
    if (!found) {
      const most = formatSize(largestSize(custom.sizes, mode));
      return pass(
        `${formatSize(this.#bytes)} is above its limit of ${most} (${mode}; workspace ${settings.maxSizeKb ?? 16384} KiB)`,
        citation,
      );
    }
    return {
      kernel: found.kernel,
      params: {},
      numerics: found.kernel === 'sglang/pull-two-shot-multicast' ? SWITCH : RANK_ORDER,
      rule: `the custom all-reduce (v2, ${mode} table) takes ${found.kernel.slice('sglang/'.length)} up to ${formatSize(found.limit)}; this is ${formatSize(this.#bytes)}.`,
      citation,
    };
  }

  #legacy(): Answer {
    const { group } = this.#host;
    const citation = `${SGLANG.legacy}; ${LEGACY_FORMS}`;
    if (this.#bytes > LEGACY_CUSTOM.bytes)
      return this.#pass(
        'sglang custom all-reduce',
        `${formatSize(this.#bytes)} is above its buffer of ${formatSize(LEGACY_CUSTOM.bytes)}`,
        citation,
      );
    const oneStage = group.size === 2 || this.#bytes < (group.size <= 4 ? 512 : 256) * 1024;
    return {
      kernel: `vllm/custom-all-reduce-${oneStage ? 'one' : 'two'}-stage`,
      params: {},
      numerics: RANK_ORDER,
      rule: `the custom all-reduce before v2, a port of vLLM's, takes up to ${formatSize(LEGACY_CUSTOM.bytes)}; this is ${formatSize(this.#bytes)}.`,
      citation,
    };
  }

  #pcieIpc(mscclpp: Answer): Answer {
    const kernel = 'flashinfer/pcie-ipc-all-reduce';
    const pass = (reason: string) => this.#pass(kernel, reason, SGLANG.pcieIpc);
    const { settings, group, deterministic } = this.#host;
    const { site, tokens } = this.#question;
    const most = pcieIpcElements(this.#host, site.hidden);
    if (settings.pcieIpc !== true) return pass('SGLANG_ENABLE_PCIE_IPC_ALLREDUCE=0');
    if (!this.#group.pcieIpc) return pass(`only group tp gets it, this is ${this.#name}`);
    if (deterministic) return pass('enable-deterministic-inference=true');
    if (!PCIE_IPC_GROUP_SIZES.includes(group.size) || group.nodes > 1)
      return pass(
        `it serves 2, 4 or 8 ranks of one node; the group has ${group.size} on ${group.nodes}`,
      );
    if (site.dtype !== 'bf16') return pass(`it takes bf16; the activations are ${site.dtype}`);
    if (taken(mscclpp)) return pass('MSCCL++ takes this size first');
    if (tokens * site.hidden > most)
      return pass(`${tokens * site.hidden} elements are more than its workspace holds (${most})`);
    return {
      kernel,
      params: {},
      numerics: RANK_ORDER,
      rule: `SGLANG_ENABLE_PCIE_IPC_ALLREDUCE=1 takes what its workspace of ${most} elements holds.`,
      citation: SGLANG.pcieIpc,
    };
  }

  #torchSymmetric(): Answer {
    const { torchSymmetric, group } = this.#host;
    const multimem = MULTIMEM_GROUP_SIZES.includes(group.size);
    const kernel = multimem ? 'torch/multimem' : 'torch/two_shot';
    const pass = (reason: string) => this.#pass(kernel, reason, SGLANG.symmetric);
    const { dtype } = this.#question.site;
    if (!torchSymmetric.works) return pass(torchSymmetric.reason);
    if (!this.#group.torchSymmetric) return pass(`group ${this.#name} does not get it`);
    if (dtype !== 'bf16') return pass(`it takes bf16; the activations are ${dtype}`);
    if (this.#bytes % 4 !== 0) return pass(`${this.#bytes} bytes are no multiple of 4`);
    if (this.#bytes >= torchSymmetric.bytes)
      return pass(
        `${formatSize(this.#bytes)} is not below its limit of ${formatSize(torchSymmetric.bytes)}`,
      );
    return {
      kernel,
      params: {},
      numerics: multimem ? SWITCH : RANK_ORDER,
      rule: `PyTorch symmetric memory (${multimem ? 'multimem' : 'two-shot'}) takes less than ${formatSize(torchSymmetric.bytes)}; this is ${formatSize(this.#bytes)}.`,
      citation: SGLANG.symmetric,
    };
  }

  #nccl(): PickedAllReduce {
    const { deterministic, nvls, group } = this.#host;
    const rule = `no backend before it takes ${formatSize(this.#bytes)}: NCCL`;
    const of = (numerics: Partial<NumericsRecord>, how: string, citation: string) => ({
      kernel: '@arfuse/nccl/all-reduce',
      params: {},
      numerics,
      rule: `${rule}${how}.`,
      citation,
    });
    if (deterministic)
      return of(TREE, ', pinned to its tree and to its number of channels', SGLANG.deterministic);
    if (nvls) return of(LIBRARY, ', which may take NVLS', SGLANG.nvls);
    return of(group.size <= 2 ? RANK_ORDER : RING, ' without NVLS', SGLANG.nvls);
  }
}

/** What SGLang dispatches a plain all-reduce to, and why not to what it asks before. */
export const dispatchAllReduce = (host: SglangHost, question: EngineQuestion): Dispatch =>
  new Launch(host, question).dispatch();

/** Sizes in bytes that are the last of one answer. */
export function lastBytes(host: SglangHost): number[] {
  const { custom, torchSymmetric, group } = host;
  const own = [mscclppBytes(host)];
  if (custom.works && custom.version === 1)
    own.push(LEGACY_CUSTOM.bytes, (group.size <= 4 ? 512 : 256) * 1024 - 1);
  if (torchSymmetric.works) own.push(torchSymmetric.bytes - 1);
  // FlashInfer's own forms: mnnvl, trtllm.
  const oneShot: Readonly<Record<number, number>> = { 2: 512, 4: 64, 8: 42 };
  own.push(MIB / group.size, ((oneShot[group.size] ?? 0) * MIB) / (2 * group.size));
  return own;
}
