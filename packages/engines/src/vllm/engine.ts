import {
  type EngineChain,
  type EngineMatch,
  type EngineSettings,
  findStage,
  itemsize,
  type SiteClass,
  type StageKind,
} from '@arfuse/contract';
import type { Engine, EngineQuestion, EngineScope } from '../engine.ts';
import {
  customBytes,
  dispatchAllReduce,
  flashInferForm,
  flashInferKernel,
  formatSize,
  isTensorParallel,
  standaloneBytes,
} from './all-reduce.ts';
import { ALL_REDUCE_FACTS, type VllmAllReduceFacts } from './all-reduce-facts.ts';
import { vllmAssumptions } from './assumptions.ts';
import { captureWarnings } from './capture.ts';
import { entryOf, lastOneShotRows } from './fused-form.ts';
import { fusedUpTo, fusionBytes, fusionState, fusionTokens, rangeEnds } from './fusion.ts';
import { type VllmHost, vllmHost } from './host.ts';
import { vllmLevers } from './levers.ts';
import { matchVllm } from './matching.ts';
import { readSettings, type VllmSettings } from './settings.ts';
import { type VllmRelease, vllmRelease } from './versions.ts';

const MIB = 2 ** 20;

/** What performs the stages that the all-reduce's kernel leaves: vLLM's norm, compiled or its own op. */
const NORM = 'vllm/norm';

const isSite = (site: EngineScope['site']): site is SiteClass => site.pattern !== 'all_reduce';

class VllmEngine implements Engine {
  readonly id: string;
  readonly name = 'vllm';
  readonly release: string;
  readonly settings: EngineSettings;
  readonly #read: VllmSettings;
  readonly #facts: VllmAllReduceFacts;
  readonly #release: VllmRelease;

  constructor(version: '0.32' | '0.33', settings: EngineSettings) {
    this.id = `vllm@${version}`;
    this.settings = settings;
    this.#facts = ALL_REDUCE_FACTS[version];
    this.#release = vllmRelease(version);
    this.release = this.#facts.release;
    this.#read = readSettings(settings, version);
  }

  #host({ target, group }: Pick<EngineScope, 'target' | 'group'>): VllmHost {
    return vllmHost(target, group, this.#facts, this.#read);
  }

  assumptions: Engine['assumptions'] = (target) => {
    const group = target.groups.default ?? Object.values(target.groups)[0]!;
    return vllmAssumptions(this.#host({ target, group }), this.#release);
  };

  warnings: Engine['warnings'] = (capture) => captureWarnings(capture, this.#release.version);

  match: Engine['match'] = (scope) => {
    const found = matchVllm(scope.site, this.#release, scope.target.capability);
    const host = this.#host(scope);
    const state = fusionState(host, this.#release);
    const refusal = !isTensorParallel(scope.groupName)
      ? `only group "tp" is fused, this is "${scope.groupName}".`
      : state.on
        ? undefined
        : state.reason;
    return refusal === undefined || !found.fused
      ? found
      : { ...found, fused: false, covers: [], reasons: [refusal] };
  };

  today: Engine['today'] = (question) => {
    const { site } = question;
    if (!isSite(site)) return this.unfused(question);
    const match = this.match({ ...question, site });
    const host = this.#host(question);
    const upTo = match.fused ? fusedUpTo(host, this.#release, question) : 0;
    if (question.tokens <= upTo) return this.#fused(question, match, host, upTo);
    const chain = this.unfused(question);
    if (!match.fused) return chain;
    const limit = fusionBytes(host, this.#release) ?? 0;
    const reason =
      question.tokens > fusionTokens(host, this.#release, question)
        ? `${formatSize(this.#bytes(question))} is above the fusion's limit of ${formatSize(limit)}.`
        : `its compiled range ends above the fusion's limit of ${formatSize(limit)}.`;
    const passed = { kernel: 'fused all-reduce + norm', reason, citation: this.#release.citation };
    return { ...chain, passedOver: [passed, ...chain.passedOver] };
  };

  #bytes({ tokens, site }: EngineQuestion): number {
    return tokens * site.hidden * itemsize(site.dtype);
  }

  #fused(question: EngineQuestion, match: EngineMatch, host: VllmHost, upTo: number): EngineChain {
    const { site, tokens, target, group } = question;
    const backend = host.flashInfer.backend ?? 'trtllm';
    const limit = entryOf(this.#release.oneShotMiB, target.capability, group.size);
    const form =
      backend === 'mnnvl'
        ? flashInferForm('mnnvl', group.size, this.#bytes(question), tokens)
        : tokens <= lastOneShotRows(site, limit)
          ? 'one-shot'
          : 'two-shot';
    const covers = new Set<StageKind>(match.covers);
    const rest = site.stages.map(({ kind }) => kind).filter((kind) => !covers.has(kind));
    const norm = findStage(site.stages, 'norm');
    const quantises = covers.has('quant');
    return {
      fused: true,
      steps: [
        {
          kernel: flashInferKernel(backend, form),
          params: {
            pdl: true,
            fp32Acc: true,
            triggerCompletionAtEnd: form === 'one-shot' || tokens > 16,
          },
          covers: [...match.covers],
        },
        ...(rest.length > 0 ? [{ kernel: NORM, params: {}, covers: rest }] : []),
      ],
      numerics: {
        accumulate: 'f32',
        reduceOrder: 'rank',
        hopRounding: false,
        allReduceRounded: true,
        geometryInvariant: false,
        ...(covers.has('norm') && norm
          ? { normInput: 'rounded' as const, weightMultiply: 'before' as const }
          : {}),
        ...(covers.has('pre_norm') ? { preNormWeightMultiply: 'before' as const } : {}),
        ...(quantises ? { quantInput: 'rounded' as const } : {}),
      },
      rule:
        `fused up to ${upTo} tokens (${formatSize(fusionBytes(host, this.#release) ?? 0)}), ${form} by ` +
        (backend === 'mnnvl'
          ? "FlashInfer's own rule for mnnvl."
          : limit === undefined
            ? 'the absence of a row in its one-shot table.'
            : `its one-shot limit of ${limit} MiB.`),
      citation: this.#release.citation,
      passedOver: [],
    };
  }

  unfused: Engine['unfused'] = (question) => {
    const { picked, passedOver } = dispatchAllReduce(this.#host(question), this.#release, question);
    const kinds = question.site.stages.map(({ kind }) => kind);
    const merged = kinds[0] === 'merge';
    const reduces = kinds.filter((kind) => kind === 'all_reduce').length;
    const rest = kinds.filter((kind) => kind !== 'all_reduce');
    const reduce = {
      kernel: picked.kernel,
      params: picked.params,
      covers: ['all_reduce' as const],
    };
    return {
      fused: false,
      steps: [
        // A pair whose results are summed is two all-reduces, as the model's code has them.
        ...Array.from({ length: merged ? 2 : Math.max(1, reduces) }, () => reduce),
        ...(rest.length > 0 ? [{ kernel: NORM, params: {}, covers: rest }] : []),
      ],
      numerics: picked.numerics,
      rule: picked.rule,
      citation: picked.citation,
      passedOver,
    };
  };

  edges: Engine['edges'] = (scope) => {
    const host = this.#host(scope);
    const row = scope.site.hidden * itemsize(scope.site.dtype);
    const { facts, target, group } = host;
    const oneShot = entryOf(this.#release.oneShotMiB, target.capability, group.size);
    const bytes = [
      fusionBytes(host, this.#release) ?? 0,
      standaloneBytes(host, this.#release),
      customBytes(host) - 1,
      (facts.symmetric[target.capability]?.[group.size] ?? 0) * MIB,
      (oneShot ?? 0) * MIB,
      // FlashInfer's own forms: mnnvl, trtllm.
      MIB / group.size,
      (({ 2: 512, 4: 64, 8: 42 } as Record<number, number>)[group.size] ?? 0) *
        (MIB / (2 * group.size)),
      (group.size <= 4 ? 512 : 256) * 1024 - 1,
      ...(facts.ncclSymmetricGap[group.size] ?? []).flatMap((mib, i) => [mib * MIB - i]),
    ];
    const lasts = bytes.map((size) => Math.floor(size / row));
    const ends = [
      ...lasts,
      ...rangeEnds(host, this.#release, scope),
      fusionTokens(host, this.#release, scope),
      group.size,
      16,
    ];
    const found = new Set(ends.flatMap((end) => [end, end + 1]).filter((edge) => edge >= 1));
    return [...found].sort((a, b) => a - b);
  };

  levers: Engine['levers'] = (target) => {
    const group = target.groups.default ?? Object.values(target.groups)[0]!;
    return vllmLevers(this.#host({ target, group }), this.#release);
  };
}

/** The emulation of a vLLM release. */
export const openVllm =
  (version: '0.32' | '0.33') =>
  (settings: EngineSettings): Engine =>
    new VllmEngine(version, settings);
