import {
  type Candidate,
  deviationsOf,
  type EngineChain,
  type Kernel,
  type StageKind,
} from '@arfuse/contract';
import type { TokenRange } from '../candidates/admitted-ranges.ts';
import { bySimplicity, type RangedCandidate } from '../candidates/candidates.ts';
import { joinNumerics } from '../candidates/join-numerics.ts';
import type { CandidateScope } from '../candidates/run-admissions.ts';
import { chainKey, type EngineCell } from './engine-cells.ts';

/** A chain as a candidate; what its steps leave open stays as the site has it. */
function candidateOf({ site }: CandidateScope, chain: EngineChain): Candidate {
  const [first] = chain.steps;
  const paired = chain.steps.filter(({ covers }) => covers.includes('all_reduce')).length > 1;
  const kinds: readonly StageKind[] = site.stages.map(({ kind }) => kind);
  const numerics = joinNumerics(
    site.numerics,
    [{ params: first?.params ?? {}, numerics: chain.numerics }],
    kinds[0] === 'merge' && !paired,
  );
  return {
    name: chain.steps.map(({ kernel }) => kernel).join(' + '),
    steps: chain.steps,
    numerics,
    deviations: deviationsOf(site.numerics, numerics),
    complexity: chain.fused ? 3 : 1,
    fused: chain.fused,
  };
}

function addRange(ranges: [number, number][], [min, max]: TokenRange): void {
  const previous = ranges.at(-1);
  if (previous && previous[1] + 1 === min) previous[1] = max;
  else ranges.push([min, max]);
}

/** Distinct chains as candidates, each admitted exactly where the engine dispatches it. */
function chainCandidates(
  scope: CandidateScope,
  engine: string,
  cells: readonly EngineCell[],
  chainsOf: (cell: EngineCell) => readonly EngineChain[],
): RangedCandidate[] {
  const found = new Map<string, { chain: EngineChain; admitted: [number, number][] }>();
  for (const cell of cells) {
    for (const chain of chainsOf(cell)) {
      const key = chainKey(chain);
      const entry = found.get(key) ?? { chain, admitted: [] };
      found.set(key, entry);
      addRange(entry.admitted, cell.tokens);
    }
  }
  return [...found.values()].map(({ chain, admitted }) => ({
    candidate: candidateOf(scope, chain),
    admitted,
    refusals: [{ tokens: null, reasons: [`${engine} dispatches it elsewhere: ${chain.rule}`] }],
  }));
}

/**
 * The candidates inside an engine: fused kernels of the installed backends, against what the engine itself dispatches.
 * Other unfused compositions cannot be chosen there, and say so.
 */
export function competitors(
  scope: CandidateScope,
  own: readonly RangedCandidate[],
  kernels: readonly Kernel[],
  engine: string,
  cells: readonly EngineCell[],
): RangedCandidate[] {
  const installed = new Set(kernels.map(({ id }) => id));
  const chains = chainCandidates(scope, engine, cells, ({ today, unfused }) => {
    const missing =
      today.fused &&
      !today.steps.every(({ kernel }) => installed.has(kernel) || kernel.endsWith('/norm'));
    return missing ? [unfused, today] : [unfused];
  });
  const names = new Set(chains.map(({ candidate }) => candidate.name));
  const rest = own
    .filter(({ candidate }) => !names.has(candidate.name))
    .map(
      (entry): RangedCandidate =>
        entry.candidate.fused || entry.admitted.length === 0
          ? entry
          : {
              ...entry,
              admitted: [],
              refusals: [
                {
                  tokens: null,
                  reasons: [
                    `${engine} picks its own kernel where nothing is fused; this one cannot be chosen there.`,
                  ],
                },
              ],
            },
    );
  return [...rest, ...chains].sort((a, b) => bySimplicity(a.candidate, b.candidate));
}

/** The candidate that performs what an engine launches today, among those admitted at a row count. */
export function todayCandidate(
  candidates: readonly Candidate[],
  today: EngineChain,
): Candidate | undefined {
  const name = today.steps.map(({ kernel }) => kernel).join(' + ');
  const same = candidates.filter((candidate) => candidate.name === name);
  const key = chainKey(today);
  return (
    same.find(({ steps }) => chainKey({ ...today, steps }) === key) ??
    same[0] ??
    // Its fused part is an installed kernel, what is left is done by arfuse's own norm.
    candidates.find(
      ({ fused, steps }) => today.fused && fused && steps[0]?.kernel === today.steps[0]?.kernel,
    )
  );
}
