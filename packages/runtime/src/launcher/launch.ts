/** Where one rank stands in its process group, as its launcher says. */
export interface Launch {
  /** 0 … size − 1. */
  readonly rank: number;
  readonly size: number;
  /** Ordinal of the process on its machine, from 0; by default the accelerator that it drives. */
  readonly localRank: number;
  /** The family of variables that was read: `torchrun` is `RANK`, `WORLD_SIZE`, `LOCAL_RANK`, whoever sets them. */
  readonly launcher: 'torchrun' | 'mpirun' | 'srun';
  /** Where rank 0 listens; left out for a group of one, which needs no connection. */
  readonly master?: MasterAddress;
}

/** Address of rank 0, and what sets it. */
export interface MasterAddress {
  /** Name or address of rank 0's machine. */
  readonly host: string;
  /** TCP port, 1 to 65,535; 0 lets rank 0 take any free one. */
  readonly port: number;
  /** Variables that set host and port, in words, for errors. */
  readonly hostFrom: string;
  readonly portFrom: string;
}
