import { createHash } from 'node:crypto';
import type { SiteClass, SiteOutput } from '@arfuse/contract';
import { storedSize } from '@arfuse/reference';
import type { OutputBytes } from '@arfuse/runtime';
import { checkOutputs } from './check-outputs.ts';
import type { PlannedLaunch } from './launches.ts';
import type { Launcher } from './launching.ts';
import type { OpenedRanks } from './open-ranks.ts';
import type { LaunchCheck } from './report.ts';
import { tiledInputs } from './tiled-inputs.ts';

/** Outputs of a launch with their sizes. */
function outputsOf(site: SiteClass, tokens: number): Partial<Record<SiteOutput, Uint8Array>> {
  return Object.fromEntries(
    site.outputs
      .filter((name) => name !== 'scale' || storesScales(site))
      .map((name) => [name, new Uint8Array(storedSize(site, name, tokens))]),
  );
}

const storesScales = ({ stages }: SiteClass): boolean =>
  stages.some((stage) => stage.kind === 'quant' && stage.scaleDtype !== null);

const equal = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

const names = (of: OutputBytes): SiteOutput[] => Object.keys(of) as SiteOutput[];

/** SHA-256 of all outputs. */
function digest(found: OutputBytes): Uint8Array {
  const hash = createHash('sha256');
  for (const name of names(found)) hash.update(found[name]!);
  return hash.digest();
}

/** Ranks that hold other bytes than the first one, in this process and in the others. */
async function differingRanks(
  { place, groups }: OpenedRanks,
  found: readonly OutputBytes[],
): Promise<string[]> {
  const sentences: string[] = [];
  for (const [index, of] of found.entries()) {
    for (const name of names(of))
      if (!equal(of[name]!, found[0]![name]!))
        sentences.push(`ranks ${place.here[0]} and ${place.here[index]} differ in "${name}"`);
  }
  if (place.here.length === place.ranks) return sentences;
  const digests = await groups[0]!.exchange(digest(found[0]!));
  const others = [...digests.keys()].filter((rank) => !equal(digests[rank]!, digests[0]!));
  if (others.length > 0) sentences.push(`ranks ${others.join(', ')} differ from rank 0`);
  return sentences;
}

/**
 * Makes one launch on fresh inputs and checks everything that it left: outputs against the reference, bytes around and behind
 * them, equality of the ranks, and of a second launch where the record states an order.
 * @param unusual - rows of every kind: large, tiny, zero, infinite, NaN
 */
export async function checkLaunch(
  opened: OpenedRanks,
  launcher: Launcher,
  launch: PlannedLaunch,
  given: { readonly seed: number; readonly unusual: boolean; readonly most?: number },
): Promise<LaunchCheck> {
  const { ranks, place } = opened;
  const { site, segment, tokens, mode } = launch;
  const tiled = tiledInputs(site, { ...given, ranks: place.ranks, tokens });
  const sizes = Array.from({ length: place.ranks }, () => outputsOf(site, tokens));
  await ranks.fill(site.id, tiled.bytes);
  const found = await launcher.results(launch, sizes);
  const stray = await ranks.strayWrite(site.id, sizes);
  const { outputs, faults } = checkOutputs(site, segment, tiled, {
    rank: place.here[0]!,
    tokens,
    found: found[0]!,
    unusual: given.unusual,
  });
  faults.push(...(await differingRanks(opened, found)), ...(stray ? [stray] : []));
  if (segment.numerics.reduceOrder !== 'unspecified') {
    const again = await launcher.results(launch, sizes);
    for (const [index, of] of again.entries())
      for (const name of names(of))
        if (!equal(of[name]!, found[index]![name]!))
          faults.push(`rank ${place.here[index]} leaves another "${name}" for the same inputs`);
  }
  return {
    class: site.id,
    tokens,
    segment: segment.tokens,
    mode,
    steps: segment.steps.map(({ kernel }) => kernel),
    seed: given.seed,
    passed: faults.length === 0 && outputs.every(({ passed }) => passed),
    outputs,
    faults,
  };
}
