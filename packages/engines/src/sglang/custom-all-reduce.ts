import type { LaunchMode } from '@arfuse/contract';
import { CUSTOM_MAX_SIZE_KB, customAllReduceRow, type Ladder } from './facts-0.5.23.ts';
import type { SglangSettings } from './settings.ts';

/** Algorithms of the custom all-reduce (v2), by the ids of threshold tables. */
export type CustomKernel =
  | 'sglang/push-one-shot'
  | 'sglang/push-two-shot'
  | 'sglang/pull-one-shot'
  | 'sglang/pull-two-shot-multicast'
  | 'sglang/pull-two-shot';

/** The custom all-reduce as it runs: sizes clipped to its workspace. */
export interface ClippedAllReduce {
  readonly graph: Ladder;
  readonly eager: Ladder;
  /** Whether the multicast form runs. */
  readonly multicast: boolean;
  readonly lines: string;
}

const ALIGNMENT = 1024;

const aligned = (bytes: number): number =>
  Math.ceil(Math.max(bytes, ALIGNMENT) / ALIGNMENT) * ALIGNMENT;

/** Bytes of a push slot for a two-shot push: both halves of one rank's chunk, in 16-byte vectors. */
const twoShotSlot = (bytes: number, ranks: number): number => 32 * Math.ceil(bytes / (16 * ranks));

/** The largest two-shot push that fits a slot. */
const twoShotBytes = (slot: number, ranks: number): number => ranks * 16 * Math.floor(slot / 32);

const pushBytes = ({ pushOneShot, pushTwoShot }: Ladder, ranks: number): number =>
  Math.max(pushOneShot, twoShotSlot(pushTwoShot, ranks));

const pullBytes = ({ pullOneShot, pullTwoShot, multicast }: Ladder): number =>
  Math.max(pullOneShot, pullTwoShot, multicast[1]);

/** Settings that size the workspace. */
export type WorkspaceSettings = Pick<SglangSettings, 'maxSizeKb' | 'forcePullKb' | 'forcePushKb'>;

/**
 * Sizes of the custom all-reduce after the clip to its workspace: each plane is as large as its table needs, at most
 * SGLANG_CUSTOM_ALL_REDUCE_V2_MAX_SIZE_KB, and a forced size lifts the last limit of its plane and clips the others.
 * Undefined where the group size is not served.
 * @param capability - compute capability ×10
 */
export function clippedAllReduce(
  capability: number,
  ranks: number,
  settings: WorkspaceSettings,
  multicast: boolean,
): ClippedAllReduce | undefined {
  const row = customAllReduceRow(capability, ranks);
  if (!row) return undefined;
  const most = (settings.maxSizeKb ?? CUSTOM_MAX_SIZE_KB) * 1024;
  const { forcePullKb, forcePushKb } = settings;
  const both = [row.graph, row.eager];
  const pullWanted =
    forcePullKb === null ? Math.min(Math.max(...both.map(pullBytes)), most) : forcePullKb * 1024;
  const pushWanted =
    forcePushKb === null
      ? Math.min(Math.max(...both.map((ladder) => pushBytes(ladder, ranks))), most)
      : forcePushKb * 1024;
  const pull = pullWanted > 0 ? aligned(pullWanted) : 0;
  const push = aligned(pushWanted);
  const clip = (ladder: Ladder): Ladder => ({
    pushOneShot: Math.min(forcePushKb === null ? ladder.pushOneShot : pushWanted, push),
    pushTwoShot: Math.min(ladder.pushTwoShot, twoShotBytes(push, ranks)),
    pullOneShot: Math.min(ladder.pullOneShot, pull),
    multicast: [Math.min(ladder.multicast[0], pull), Math.min(ladder.multicast[1], pull)],
    pullTwoShot: Math.min(forcePullKb === null ? ladder.pullTwoShot : pullWanted, pull),
  });
  return {
    graph: clip(row.graph),
    eager: clip(row.eager),
    multicast: multicast && row.multicast && pull > 0,
    lines: row.lines,
  };
}

/** The algorithm that takes a size, with the limit that admits it; undefined above all of them. */
export function pickAlgorithm(
  sizes: ClippedAllReduce,
  mode: LaunchMode,
  bytes: number,
): { readonly kernel: CustomKernel; readonly limit: number } | undefined {
  const { pushOneShot, pushTwoShot, pullOneShot, multicast, pullTwoShot } = sizes[mode];
  if (bytes <= pushOneShot) return { kernel: 'sglang/push-one-shot', limit: pushOneShot };
  if (bytes <= pushTwoShot) return { kernel: 'sglang/push-two-shot', limit: pushTwoShot };
  if (bytes <= pullOneShot) return { kernel: 'sglang/pull-one-shot', limit: pullOneShot };
  if (sizes.multicast && bytes >= multicast[0] && bytes <= multicast[1])
    return { kernel: 'sglang/pull-two-shot-multicast', limit: multicast[1] };
  if (bytes <= pullTwoShot) return { kernel: 'sglang/pull-two-shot', limit: pullTwoShot };
  return undefined;
}

/** Largest size of any algorithm in a mode, in bytes, inclusive. */
export function largestSize(sizes: ClippedAllReduce, mode: LaunchMode): number {
  const { pushOneShot, pushTwoShot, pullOneShot, multicast, pullTwoShot } = sizes[mode];
  return Math.max(
    pushOneShot,
    pushTwoShot,
    pullOneShot,
    pullTwoShot,
    sizes.multicast ? multicast[1] : 0,
  );
}

/** Sizes at which the algorithm may change, each the last of one: bytes, in both modes. */
export function lastSizes(sizes: ClippedAllReduce): number[] {
  return [sizes.graph, sizes.eager].flatMap((ladder) => [
    ladder.pushOneShot,
    ladder.pushTwoShot,
    ladder.pullOneShot,
    ladder.multicast[0] - 1,
    ladder.multicast[1],
    ladder.pullTwoShot,
  ]);
}
