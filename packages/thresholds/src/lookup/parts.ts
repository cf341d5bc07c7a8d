import type { StageKind, TablePattern } from '@arfuse/contract';
import type { EvidenceQuery } from './query.ts';

/** The kernel whose rows tell what one pass over the rows takes. */
const NORM = '@arfuse/native/norm';

/** One kernel of a composition, as a question of its own. */
export interface Part {
  readonly query: EvidenceQuery;
  /** Set where another kernel's rows stand in for this one's. */
  readonly standIn?: string;
}

function patternOf(covers: readonly StageKind[]): TablePattern {
  if (!covers.includes('all_reduce')) return 'add_rms';
  return covers.includes('norm') || covers.includes('pre_norm') ? 'ar_add_rms' : 'all_reduce';
}

/** What a step covers when the question does not say: arfuse's own kernels are local, others reduce and leave the rest. */
function guessedPattern(kernel: string): TablePattern {
  return kernel.startsWith('@arfuse/native/') ? 'add_rms' : 'all_reduce';
}

/** A composition's kernels as questions, each with the pattern that it performs. */
export function partsOf(query: EvidenceQuery): Part[] {
  return query.kernels.map((kernel, at) => {
    const covers = query.covers?.[at];
    const pattern = covers ? patternOf(covers) : guessedPattern(kernel);
    const local = pattern === 'add_rms';
    const { covers: _, ...context } = query;
    return {
      query: { ...context, kernels: [local ? NORM : kernel], pattern },
      ...(local && kernel !== NORM ? { standIn: `${kernel} taken as one pass of ${NORM}` } : {}),
    };
  });
}
