import { type EngineSettings, itemsize } from '@arfuse/contract';
import type { Comparison } from './export-compare.ts';
import { CUSTOM_MAX_SIZE_KB } from './facts-0.5.23.ts';

/** Flags and variables that an export may write. */
export interface SglangLaunch {
  /** Flags by name without `--`; `true` for one without a value. */
  readonly flags: Readonly<Record<string, string | true>>;
  readonly env: Readonly<Record<string, string>>;
}

const BACKEND = 'flashinfer-allreduce-fusion-backend';

/** Most caps of the custom all-reduce that are tried. */
const MAX_CAPS = 16;

const flag = (name: string, value: string | true = true): SglangLaunch => ({
  flags: { [name]: value },
  env: {},
});
const variable = (name: string, value: string): SglangLaunch => ({
  flags: {},
  env: { [name]: value },
});
const NOTHING: SglangLaunch = { flags: {}, env: {} };

/** KiB at which the plan stops taking the custom all-reduce, each a cap worth trying. */
function caps(comparisons: readonly Comparison[]): number[] {
  const found = comparisons.flatMap(({ scope: { site }, segments }) =>
    segments.flatMap((segment, at) => {
      const next = segments[at + 1];
      const custom = (one: typeof next): boolean =>
        one?.steps.some(({ kernel }) => kernel.startsWith('sglang/p')) ?? false;
      if (!custom(segment) || custom(next)) return [];
      const bytes = segment.tokens[1] * site.hidden * itemsize(site.dtype);
      return [Math.ceil(bytes / 1024)];
    }),
  );
  return [...new Set(found)]
    .filter((kib) => kib !== CUSTOM_MAX_SIZE_KB)
    .sort((a, b) => a - b)
    .slice(0, MAX_CAPS);
}

/**
 * Every launch that an export chooses from: the fusion's backends or none, and the settings of plain all-reduces whose
 * kernels the plan names. Flags that would say the default are left out.
 */
export function launches(comparisons: readonly Comparison[], fusible: boolean): SglangLaunch[] {
  const kernels = new Set(
    comparisons.flatMap(({ segments }) =>
      segments.flatMap(({ steps }) => steps.map(({ kernel }) => kernel)),
    ),
  );
  const named = (...ids: readonly string[]): boolean => ids.some((id) => kernels.has(id));
  const choices: SglangLaunch[][] = [
    fusible
      ? [
          flag('enforce-disable-flashinfer-allreduce-fusion'),
          flag(BACKEND, 'trtllm'),
          flag(BACKEND, 'mnnvl'),
          ...(named('flashinfer/mnnvl-cutedsl') ? [flag(BACKEND, 'cutedsl')] : []),
        ]
      : [NOTHING],
    [
      NOTHING,
      flag('disable-custom-all-reduce'),
      ...(named('vllm/custom-all-reduce-one-stage', 'vllm/custom-all-reduce-two-stage')
        ? [variable('SGLANG_OPT_USE_CUSTOM_ALL_REDUCE_V2', '0')]
        : []),
      ...caps(comparisons).map((kib) =>
        variable('SGLANG_CUSTOM_ALL_REDUCE_V2_MAX_SIZE_KB', String(kib)),
      ),
    ],
    named('torch/multimem', 'torch/two_shot')
      ? [NOTHING, flag('enable-torch-symm-mem')]
      : [NOTHING],
    named('@arfuse/nccl/all-reduce-symmetric') ? [NOTHING, flag('enable-symm-mem')] : [NOTHING],
    named('mscclpp/all-reduce') ? [NOTHING, flag('enable-mscclpp')] : [NOTHING],
    named('flashinfer/pcie-ipc-all-reduce')
      ? [NOTHING, variable('SGLANG_ENABLE_PCIE_IPC_ALLREDUCE', '1')]
      : [NOTHING],
  ];
  return choices.reduce<SglangLaunch[]>(
    (all, options) =>
      all.flatMap((one) =>
        options.map((more) => ({
          flags: { ...one.flags, ...more.flags },
          env: { ...one.env, ...more.env },
        })),
      ),
    [NOTHING],
  );
}

/** A launch as settings of the emulation. */
export const settingsOf = ({ flags, env }: SglangLaunch): EngineSettings => ({
  env,
  config: Object.fromEntries(Object.entries(flags).map(([name, value]) => [name, String(value)])),
});
