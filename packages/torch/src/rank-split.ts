import type { ImportedProgram, ImportResult } from './importer.ts';

/** Sorts the programs of one file by rank: those of the lowest rank, and those without a rank, come first. */
export function rankSplit(
  programs: readonly ImportedProgram[],
): Pick<ImportResult, 'programs' | 'otherRanks' | 'rankCountHint'> {
  const ranks = new Set(programs.flatMap(({ rank }) => (rank === undefined ? [] : [rank])));
  const lowest = Math.min(...ranks);
  const isLowest = ({ rank }: ImportedProgram): boolean => rank === undefined || rank === lowest;
  return {
    programs: programs.filter(isLowest),
    otherRanks: programs.filter((program) => !isLowest(program)),
    ...(ranks.size > 1 ? { rankCountHint: ranks.size } : {}),
  };
}
