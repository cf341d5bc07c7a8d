import { UnsupportedError } from '@arfuse/contract';

/** vLLM releases that an export can be written for. */
export type VllmVersion = '0.31' | '0.32' | '0.33';

/** What an exporter has to know of one release. Unknown keys stop vLLM 0.32 and newer from starting. */
export interface VllmRelease {
  readonly version: VllmVersion;
  /** Members of `pass_config` that an export may write. */
  readonly passConfig: readonly string[];
  /** Literals that the fusion's patterns are traced with; another eps never matches. */
  readonly eps: readonly number[];
  /** Group sizes that the fusion's limits are looked up for. */
  readonly groupSizes: readonly number[];
  /** Whether patterns for Gemma's `1 + w` were read in this release's source. */
  readonly gemmaPatterns: boolean;
  /** MiB up to which a fused launch takes the one-shot form, inclusive, by capability and group size. */
  readonly oneShotMiB: Readonly<Record<number, Readonly<Record<number, number>>>>;
  readonly citation: string;
}

const ONE_SHOT_MIB: VllmRelease['oneShotMiB'] = {
  90: { 2: 32, 4: 2, 8: 0.5 },
  100: { 2: 32, 4: 4, 8: 1 },
  103: { 2: 32, 4: 4, 8: 2 },
  107: { 2: 32, 4: 4, 8: 2 },
};

const release = (version: VllmVersion, gemmaPatterns: boolean): VllmRelease => ({
  version,
  passConfig: ['fuse_allreduce_rms', 'fi_allreduce_fusion_max_size_mb'],
  eps: [1e-5, 1e-6],
  groupSizes: [2, 4, 8, 16],
  gemmaPatterns,
  oneShotMiB: ONE_SHOT_MIB,
  citation:
    'vllm 0.33.0: vllm/compilation/passes/fusion/allreduce_rms_fusion.py:133-152, 1070-1124, vllm/config/compilation.py:136, 162, 182-209, 583',
});

const RELEASES: Readonly<Record<VllmVersion, VllmRelease>> = {
  '0.31': release('0.31', false),
  '0.32': release('0.32', false),
  '0.33': release('0.33', true),
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
