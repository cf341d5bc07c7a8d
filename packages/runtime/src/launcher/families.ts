import type { Launch } from './launch.ts';
import { type Environment, textOf } from './variables.ts';

/** Names under which one launcher states the same facts. */
export interface Family {
  readonly launcher: Launch['launcher'];
  readonly rank: string;
  readonly size: string;
  readonly localRank: string;
  /** Whether the launcher started this process. */
  readonly present: (env: Environment) => boolean;
  /** Whether all ranks run on this machine, so that the loopback address is rank 0's. */
  readonly oneMachine: (env: Environment) => boolean;
  /** A name that all ranks of this run share and other runs do not; a port is derived from it. */
  readonly run: (env: Environment) => string | undefined;
  /** How a user hands `MASTER_ADDR` through this launcher. */
  readonly passMaster: string;
}

/**
 * In order of precedence. torchrun comes first, because `srun torchrun …` leaves srun's variables in place, which then
 * count torchruns, not ranks; mpirun comes before srun for the same reason.
 */
export const FAMILIES: readonly Family[] = [
  {
    launcher: 'torchrun',
    rank: 'RANK',
    size: 'WORLD_SIZE',
    localRank: 'LOCAL_RANK',
    present: (env) => textOf(env, 'RANK') !== undefined,
    oneMachine: () => false,
    run: () => undefined,
    passMaster: 'Set MASTER_ADDR to the name or address of the machine of rank 0.',
  },
  {
    launcher: 'mpirun',
    rank: 'OMPI_COMM_WORLD_RANK',
    size: 'OMPI_COMM_WORLD_SIZE',
    localRank: 'OMPI_COMM_WORLD_LOCAL_RANK',
    present: (env) => textOf(env, 'OMPI_COMM_WORLD_RANK') !== undefined,
    oneMachine: (env) =>
      textOf(env, 'OMPI_COMM_WORLD_LOCAL_SIZE') === textOf(env, 'OMPI_COMM_WORLD_SIZE'),
    run: (env) => textOf(env, 'PMIX_NAMESPACE') ?? textOf(env, 'OMPI_MCA_ess_base_jobid'),
    passMaster: 'Start with "mpirun -x MASTER_ADDR=<machine of rank 0> …".',
  },
  {
    launcher: 'srun',
    rank: 'SLURM_PROCID',
    size: 'SLURM_NTASKS',
    localRank: 'SLURM_LOCALID',
    // A batch script has SLURM_PROCID=0 without being a rank; only srun makes a step.
    present: (env) =>
      textOf(env, 'SLURM_PROCID') !== undefined && textOf(env, 'SLURM_STEP_ID') !== undefined,
    oneMachine: (env) =>
      (textOf(env, 'SLURM_STEP_NUM_NODES') ?? textOf(env, 'SLURM_NNODES')) === '1',
    run: (env) =>
      `${textOf(env, 'SLURM_JOB_ID') ?? textOf(env, 'SLURM_JOBID') ?? ''}.${textOf(env, 'SLURM_STEP_ID')}`,
    passMaster: 'Start with "MASTER_ADDR=<machine of rank 0> srun …".',
  },
];

/** First machine of Slurm's list `gpu[03-07,12],login`: `gpu03`; undefined when it is no such list. */
export function firstOfHostlist(list: string): string | undefined {
  const match = /^([\w.-]+)(?:\[(\d+)[\d,-]*\]([\w.-]*))?(?:,|$)/.exec(list);
  return match ? `${match[1]}${match[2] ?? ''}${match[3] ?? ''}` : undefined;
}
