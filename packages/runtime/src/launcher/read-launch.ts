import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { LaunchError } from '@arfuse/contract';
import { FAMILIES, type Family, firstOfHostlist } from './families.ts';
import type { Launch, MasterAddress } from './launch.ts';
import { contradiction, type Environment, integerOf, missing, textOf } from './variables.ts';

/** Ranks of a group, at most: what fits the wire's fields with room, and far beyond one NVLink domain. */
const MOST_RANKS = 65_536;
/** torchrun listens on MASTER_PORT itself. */
const PORT_OFFSET = 17;
/** Below Linux' ephemeral ports (32,768 and up), where a passing connection could hold the port. */
const DERIVED_PORTS = { from: 20_000, count: 10_000 } as const;

function familyOf(env: Environment): Family {
  const family = FAMILIES.find(({ present }) => present(env));
  if (family) return family;
  throw missing(
    'RANK',
    'and neither are the variables of mpirun (OMPI_COMM_WORLD_RANK) or srun (SLURM_PROCID in a step)',
    'Start the program with torchrun, mpirun or srun, or set RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT; openLocalGroup() needs none of them.',
  );
}

function sizeOf(env: Environment, family: Family): number {
  // A step may have fewer tasks than its allocation.
  const name =
    family.launcher === 'srun' && textOf(env, 'SLURM_STEP_NUM_TASKS') !== undefined
      ? 'SLURM_STEP_NUM_TASKS'
      : family.size;
  const size = integerOf(env, name, { min: 1, max: MOST_RANKS });
  if (size === undefined) {
    throw missing(name, `but ${family.rank} is`, 'Set both, or start with a launcher that does.');
  }
  const stated = integerOf(env, 'WORLD_SIZE', { min: 1, max: MOST_RANKS });
  if (stated !== undefined && stated !== size) {
    throw contradiction(
      ['WORLD_SIZE', stated],
      [name, size],
      `${family.launcher} started another number of processes`,
      'Remove WORLD_SIZE, or set RANK and LOCAL_RANK with it.',
    );
  }
  return size;
}

function localRankOf(env: Environment, family: Family, size: number): number {
  const localRank = integerOf(env, family.localRank, { min: 0, max: MOST_RANKS });
  if (localRank === undefined) {
    throw missing(
      family.localRank,
      `but ${family.rank} is`,
      'It counts the processes of one machine from 0 and chooses the accelerator.',
    );
  }
  if (localRank >= size) {
    throw contradiction(
      [family.localRank, localRank],
      [family.size, size],
      'a machine cannot have more ranks than the group',
      `${family.localRank} counts from 0 on each machine.`,
    );
  }
  return localRank;
}

function hostOf(env: Environment, family: Family): { host: string; hostFrom: string } {
  const stated = textOf(env, 'MASTER_ADDR');
  if (stated !== undefined) return { host: checkedHost(stated), hostFrom: 'MASTER_ADDR' };
  if (family.oneMachine(env)) {
    return { host: '127.0.0.1', hostFrom: `${family.launcher} on one machine` };
  }
  const list = textOf(env, 'SLURM_STEP_NODELIST') ?? textOf(env, 'SLURM_JOB_NODELIST');
  const first = family.launcher === 'srun' && list ? firstOfHostlist(list) : undefined;
  if (first !== undefined) return { host: first, hostFrom: 'SLURM_STEP_NODELIST' };
  throw missing('MASTER_ADDR', 'which says where rank 0 listens', family.passMaster);
}

function checkedHost(host: string): string {
  const everywhere = isIP(host) > 0 && /^(0+\.0+\.0+\.0+|[0:]+|::ffff:0+\.0+\.0+\.0+)$/i.test(host);
  if (!everywhere && host !== '*') return host;
  throw new LaunchError({
    message: `MASTER_ADDR is ${JSON.stringify(host)}, which means every address of a machine.`,
    hint: 'Set it to the one name or address at which the other ranks reach rank 0; arfuse listens nowhere else.',
    details: { variable: 'MASTER_ADDR', value: host },
  });
}

function portOf(env: Environment, family: Family): { port: number; portFrom: string } {
  const own = integerOf(env, 'ARFUSE_PORT', { min: 0, max: 65_535 });
  const theirs = integerOf(env, 'MASTER_PORT', { min: 1, max: 65_535 });
  if (own !== undefined) {
    if (own === theirs) {
      throw contradiction(
        ['ARFUSE_PORT', own],
        ['MASTER_PORT', theirs],
        'torchrun listens on MASTER_PORT itself',
        'Choose another ARFUSE_PORT.',
      );
    }
    return { port: own, portFrom: 'ARFUSE_PORT' };
  }
  if (theirs !== undefined) {
    if (theirs + PORT_OFFSET <= 65_535) {
      return { port: theirs + PORT_OFFSET, portFrom: `MASTER_PORT + ${PORT_OFFSET}` };
    }
    throw new LaunchError({
      message: `MASTER_PORT is ${theirs}, and ${PORT_OFFSET} above it there is no port.`,
      hint: 'Set ARFUSE_PORT to a free port, the same for all ranks.',
      details: { variable: 'MASTER_PORT', value: String(theirs) },
    });
  }
  const run = family.run(env);
  if (run !== undefined) {
    const number = createHash('sha256').update(run).digest().readUInt32BE(0);
    return {
      port: DERIVED_PORTS.from + (number % DERIVED_PORTS.count),
      portFrom: `the name of the ${family.launcher} run`,
    };
  }
  throw missing(
    'MASTER_PORT',
    'and neither is ARFUSE_PORT',
    `Set ARFUSE_PORT to a free port, or MASTER_PORT to one with a free port ${PORT_OFFSET} above it, the same for all ranks.`,
  );
}

/** The launcher that started this process, by the variables that it set; undefined when none did. */
export function launcherOf(env: Environment = process.env): Launch['launcher'] | undefined {
  return FAMILIES.find(({ present }) => present(env))?.launcher;
}

/**
 * Reads this process's place in its group from what torchrun, mpirun (Open MPI) or srun set.
 *
 * `RANK`, `WORLD_SIZE`, `LOCAL_RANK` win over `OMPI_COMM_WORLD_*`, which win over `SLURM_*`. Rank 0 listens at
 * `MASTER_ADDR` (mpirun on one machine: loopback; srun: loopback, or the first machine of the step), port `ARFUSE_PORT`
 * (by default `MASTER_PORT` + 17; under mpirun and srun without either, a port derived from the run's name).
 *
 * @param env - default: `process.env`
 * @throws LaunchError that names the variable which is missing, malformed or contradicted
 */
export function readLaunch(env: Environment = process.env): Launch {
  const family = familyOf(env);
  const size = sizeOf(env, family);
  const rank = integerOf(env, family.rank, { min: 0, max: MOST_RANKS }) ?? 0;
  if (rank >= size) {
    throw contradiction(
      [family.rank, rank],
      [family.size, size],
      `ranks count from 0 to ${size - 1}`,
      'Correct them where the process is started.',
    );
  }
  const localRank = localRankOf(env, family, size);
  const launch = { rank, size, localRank, launcher: family.launcher };
  if (size === 1) return launch;
  const master: MasterAddress = { ...hostOf(env, family), ...portOf(env, family) };
  if (master.port === 0 && rank > 0) {
    throw contradiction(
      ['ARFUSE_PORT', 0],
      [family.rank, rank],
      'only rank 0 can take any free port',
      'Give the other ranks the port that rank 0 reports to onListening.',
    );
  }
  return { ...launch, master };
}
