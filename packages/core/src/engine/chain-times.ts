import type {
  CellSite,
  Evidence,
  LaunchMode,
  PlanStep,
  Target,
  TargetGroup,
} from '@arfuse/contract';
import type { EvidenceScope, EvidenceSource, KernelList } from '../evidence/evidence-source.ts';
import { LADDER } from '../plan/decide-class.ts';

/** Times of kernel lists for one class; each is looked up once. */
export class ChainTimes {
  readonly #source: EvidenceSource;
  readonly #scope: EvidenceScope;
  readonly #lists = new Map<string, KernelList>();

  constructor(source: EvidenceSource, site: CellSite, target: Target, group: TargetGroup) {
    this.#source = source;
    this.#scope = { site, target, group };
  }

  /** Evidence with a time, or null. A published limit says nothing about time. */
  find(steps: readonly PlanStep[], tokens: number, mode: LaunchMode): Evidence | null {
    const key = steps.map(({ kernel, covers }) => `${kernel} ${covers.join(' ')}`).join('|');
    let list = this.#lists.get(key);
    if (!list) {
      list = {
        kernels: steps.map(({ kernel }) => kernel),
        covers: steps.map(({ covers }) => covers),
      };
      this.#lists.set(key, list);
    }
    const kinds = LADDER.filter((kind) => kind !== 'published');
    const found = this.#source.find(this.#scope, list, { tokens, mode }, kinds);
    return found?.us === undefined ? null : found;
  }
}
