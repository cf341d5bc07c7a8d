/** Memory at a point of a soak, in bytes. */
export interface SoakMemory {
  readonly operations: number;
  readonly hostBytes: number;
  readonly heapBytes: number;
  readonly deviceBytes?: number;
}

type Kind = 'hostBytes' | 'heapBytes' | 'deviceBytes';

const MIB = 2 ** 20;

/** What may come and go between collections of garbage and in the pools of allocators. */
const SLACK: Readonly<Record<Kind, number>> = {
  hostBytes: 512 * MIB,
  heapBytes: 128 * MIB,
  deviceBytes: 64 * MIB,
};
const NAMES: Readonly<Record<Kind, string>> = {
  hostBytes: 'memory of the process',
  heapBytes: 'the JavaScript heap',
  deviceBytes: 'memory of the GPU',
};

/** Points that a least value is taken of: garbage that waits for its collection is no growth. */
const WINDOW = 3;

/** Which memory grows: by more than its slack from early in a run, when everything has been used once, to its end. */
export function memoryGrowth(points: readonly SoakMemory[]): string[] {
  if (points.length < 2 * WINDOW + 1) return [];
  return (['hostBytes', 'heapBytes', 'deviceBytes'] as const).flatMap((kind) => {
    const least = (of: readonly SoakMemory[]): number =>
      Math.min(...of.map((point) => point[kind] ?? 0));
    const grown = least(points.slice(-WINDOW)) - least(points.slice(1, 1 + WINDOW));
    if (grown <= SLACK[kind]) return [];
    const between = points.at(-1)!.operations - points[1]!.operations;
    return [
      `${NAMES[kind]} grows: by ${Math.round(grown / MIB)} MiB in ${between} operations, and at most ${SLACK[kind] / MIB} MiB are slack`,
    ];
  });
}
