/** How the GPUs of one node are joined. */
export type Interconnect = 'nvlink-switch' | 'nvlink-bridge' | 'nvlink-mesh' | 'pcie' | 'none';

/** A process group of the target: `size` ranks spread over `nodes` hosts. */
export interface TargetGroup {
  readonly size: number;
  readonly nodes: number;
}

/** Versions of the libraries that kernels come from; absent means not stated. */
export interface TargetLibraries {
  readonly flashinfer?: string;
  readonly nccl?: string;
  readonly cuda?: string;
}

/** Where a plan will run. Every field is stated or defaulted by name; nothing is probed when planning. */
export interface Target {
  /** GPU model key such as `h200-sxm`. */
  readonly sku: string;
  /** CUDA compute capability ×10: 90 for Hopper, 100 for B200. */
  readonly capability: number;
  readonly interconnect: Interconnect;
  /** Whether NVLink multicast (NVLS) may be used. arfuse never enables it. */
  readonly multicast: boolean;
  /** Sizes by the graph's group name; `default` is taken for names that are not listed. */
  readonly groups: Readonly<Record<string, TargetGroup>>;
  readonly tokens: {
    /** Largest token count of one launch. */
    readonly max: number;
    /** Token counts that are really launched in graph mode, ascending; engines pad up to them. */
    readonly buckets: readonly number[];
    /** Largest token count that runs as a captured CUDA graph; 0 when everything runs eagerly. */
    readonly graphUpTo: number;
  };
  /** The engine whose dispatch is the competitor, e.g. `vllm@0.33`. */
  readonly engine?: string;
  readonly libraries: TargetLibraries;
}
