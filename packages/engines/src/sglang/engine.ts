import {
  type EngineChain,
  type EngineMatch,
  type EngineSettings,
  itemsize,
  type SiteClass,
} from '@arfuse/contract';
import type { Engine, EngineQuestion, EngineScope } from '../engine.ts';
import { flashInferForm, flashInferKernel, formatSize } from '../vllm/all-reduce.ts';
import { dispatchAllReduce, lastBytes, pcieIpcElements } from './all-reduce.ts';
import { sglangAssumptions } from './assumptions.ts';
import { captureWarnings } from './capture.ts';
import { largestSize, lastSizes } from './custom-all-reduce.ts';
import { FUSED_TOKENS, SGLANG } from './facts-0.5.23.ts';
import {
  flashInferFusion,
  fusedTokens,
  ownFusion,
  ownTakes,
  ownTwoShotFrom,
  WORKSPACE_TOKENS,
} from './fused.ts';
import { groupFacts, sglangGroup } from './groups.ts';
import { type SglangHost, sglangHost } from './host.ts';
import { sglangLevers } from './levers.ts';
import { matchSglang } from './matching.ts';
import { CUTEDSL_NORM, FLASHINFER_NORM, OWN_NORM } from './numerics.ts';
import { readSettings, type SglangSettings } from './settings.ts';

/** What performs the stages that the all-reduce's kernel leaves: SGLang's norm, a quantiser included. */
const NORM = 'sglang/norm';

const isSite = (site: EngineScope['site']): site is SiteClass => site.pattern !== 'all_reduce';

type SiteScope = EngineScope & { readonly site: SiteClass };
type SiteQuestion = EngineQuestion & { readonly site: SiteClass };

class SglangEngine implements Engine {
  readonly id = 'sglang@0.5.23';
  readonly name = 'sglang';
  readonly release = SGLANG.release;
  readonly settings: EngineSettings;
  readonly #read: SglangSettings;
  #last: SglangHost | undefined;

  constructor(settings: EngineSettings) {
    this.settings = settings;
    this.#read = readSettings(settings);
  }

  /** Reports ask about one group row count by row count. */
  #host({ target, group }: Pick<EngineScope, 'target' | 'group'>): SglangHost {
    if (this.#last?.target !== target || this.#last.group !== group)
      this.#last = sglangHost(target, group, this.#read);
    return this.#last;
  }

  #mainHost(target: EngineScope['target']): SglangHost {
    const group = target.groups.default ?? Object.values(target.groups)[0]!;
    return this.#host({ target, group });
  }

  assumptions: Engine['assumptions'] = (target) => sglangAssumptions(this.#mainHost(target));

  warnings: Engine['warnings'] = captureWarnings;

  /** SGLang's own fused kernel sums over the group tp. */
  #ownFusion(host: SglangHost, { groupName, site }: SiteScope): ReturnType<typeof ownFusion> {
    return sglangGroup(groupName) === 'tp'
      ? ownFusion(host, site)
      : { works: false, reason: 'it sums over group tp' };
  }

  /** Why no fused call is made in a group at any row count; undefined where one is. */
  #refusal(host: SglangHost, scope: SiteScope): string | undefined {
    const { groupName, site } = scope;
    if (!groupFacts(groupName).flashInfer)
      return `the layer code fuses the sums of attention and experts; group ${sglangGroup(groupName)} has none of them.`;
    if (this.#ownFusion(host, scope).works) return undefined;
    const fusion = flashInferFusion(host);
    if (!fusion.works) return `${fusion.reason}.`;
    return fusion.backend === 'cutedsl' && site.dtype !== 'bf16'
      ? `backend cutedsl takes bf16; the activations are ${site.dtype}.`
      : undefined;
  }

  match: Engine['match'] = (scope) => {
    const host = this.#host(scope);
    const own = this.#ownFusion(host, scope);
    const found = matchSglang(
      scope.site,
      own.works ? 'all_reduce_residual_norm' : 'kARResidualRMSNorm',
    );
    const refusal = this.#refusal(host, scope);
    return refusal === undefined || !found.fused
      ? found
      : { ...found, fused: false, covers: [], reasons: [refusal] };
  };

  today: Engine['today'] = (question) => {
    const { site, tokens } = question;
    if (!isSite(site)) return this.unfused(question);
    const asked = { ...question, site };
    const match = this.match(asked);
    if (!match.fused) return this.unfused(question);
    const host = this.#host(question);
    const passed: EngineChain['passedOver'][number][] = [];
    const own = this.#ownFusion(host, asked);
    if (own.works) {
      if (ownTakes(tokens, own.tokens, question.mode)) return this.#own(asked, match, own.tokens);
      passed.push({
        kernel: 'sglang/all-reduce-norm',
        reason:
          question.mode === 'graph'
            ? `${tokens} tokens are above its limit of ${own.tokens}.`
            : 'it takes decode and verification steps, which eager launches are not taken for.',
        citation: SGLANG.own,
      });
    }
    const fusion = flashInferFusion(host);
    if (fusion.works && tokens <= fusedTokens(fusion.backend))
      return { ...this.#fused(asked, match, fusion.backend), passedOver: passed };
    passed.push({
      kernel: 'fused all-reduce + norm',
      reason: fusion.works
        ? `${tokens} tokens are above the fusion's limit of ${FUSED_TOKENS}.`
        : `${fusion.reason}.`,
      citation: SGLANG.gate,
    });
    const chain = this.unfused(question);
    return { ...chain, passedOver: [...passed, ...chain.passedOver] };
  };

  #rest({ site }: SiteQuestion, { covers }: EngineMatch): EngineChain['steps'] {
    const rest = site.stages.map(({ kind }) => kind).filter((kind) => !covers.includes(kind));
    return rest.length > 0 ? [{ kernel: NORM, params: {}, covers: rest }] : [];
  }

  #own(question: SiteQuestion, match: EngineMatch, limit: number): EngineChain {
    const { tokens, group } = question;
    const from = ownTwoShotFrom(group.size);
    const form = tokens >= from ? 'two-shot' : 'one-shot';
    return {
      fused: true,
      steps: [
        { kernel: `sglang/all-reduce-norm-${form}`, params: {}, covers: match.covers },
        ...this.#rest(question, match),
      ],
      numerics: OWN_NORM,
      rule: `SGLang's own all-reduce + residual + norm takes decode steps up to ${limit} tokens, two-shot from ${from}.`,
      citation: `${SGLANG.own}; ${SGLANG.ownForm}`,
      passedOver: [],
    };
  }

  #fused(
    question: SiteQuestion,
    match: EngineMatch,
    backend: 'trtllm' | 'mnnvl' | 'cutedsl',
  ): EngineChain {
    const { site, tokens, group } = question;
    const rest = this.#rest(question, match);
    if (backend === 'cutedsl')
      return {
        fused: true,
        steps: [
          { kernel: 'flashinfer/mnnvl-cutedsl', params: { pdl: true }, covers: match.covers },
          ...rest,
        ],
        numerics: CUTEDSL_NORM,
        rule: "backend cutedsl fuses every batch that its workspace was made for, by FlashInfer's own ranges.",
        citation: SGLANG.cutedsl,
        passedOver: [],
      };
    const bytes = tokens * site.hidden * itemsize(site.dtype);
    const form = flashInferForm(backend, group.size, bytes, tokens);
    return {
      fused: true,
      steps: [
        {
          kernel: flashInferKernel(backend, form),
          params: { pdl: true, fp32Acc: true, triggerCompletionAtEnd: false },
          covers: match.covers,
        },
        ...rest,
      ],
      numerics: FLASHINFER_NORM,
      rule: `fused up to ${FUSED_TOKENS} tokens, ${form} by FlashInfer's own rule for ${backend} (${group.size} × ${formatSize(bytes)}).`,
      citation: `${SGLANG.gate}; ${SGLANG.call}; ${SGLANG.flashInferForm}`,
      passedOver: [],
    };
  }

  unfused: Engine['unfused'] = (question) => {
    const { picked, passedOver } = dispatchAllReduce(this.#host(question), question);
    const kinds = question.site.stages.map(({ kind }) => kind);
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
        ...Array.from({ length: kinds[0] === 'merge' ? 2 : Math.max(1, reduces) }, () => reduce),
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
    const { site, target } = scope;
    const row = site.hidden * itemsize(site.dtype);
    const { custom } = host;
    const sizes = custom.works && custom.version === 2 ? custom.sizes : undefined;
    const lasts = [...lastBytes(host), ...(sizes ? lastSizes(sizes) : [])].map((bytes) =>
      Math.floor(bytes / row),
    );
    const own = isSite(site) ? this.#ownFusion(host, { ...scope, site }) : undefined;
    const ends = [
      ...lasts,
      FUSED_TOKENS,
      WORKSPACE_TOKENS,
      host.group.size,
      Math.floor(pcieIpcElements(host, site.hidden) / site.hidden),
      ...(own?.works ? [own.tokens, ownTwoShotFrom(host.group.size) - 1] : []),
    ];
    if (custom.works && row % 16 !== 0) {
      // Only some row counts make a multiple of 16 bytes, which the custom all-reduce asks for.
      const bytes = sizes
        ? Math.max(largestSize(sizes, 'graph'), largestSize(sizes, 'eager'))
        : Math.max(...lasts) * row;
      const last = Math.min(Math.floor(bytes / row), target.tokens.max);
      for (let tokens = 1; tokens <= last; tokens += 1) ends.push(tokens);
    }
    const found = new Set(ends.flatMap((end) => [end, end + 1]).filter((edge) => edge >= 1));
    return [...found].sort((a, b) => a - b);
  };

  levers: Engine['levers'] = (target) => sglangLevers(this.#mainHost(target));
}

/**
 * The emulation of SGLang 0.5.23 with its user's settings.
 * @throws UsageError for a setting that this release does not have, or that contradicts another
 */
export const openSglang = (settings: EngineSettings): Engine => new SglangEngine(settings);
