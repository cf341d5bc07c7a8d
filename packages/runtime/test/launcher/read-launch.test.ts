import { describe, expect, it } from 'vitest';
import { launcherOf, readLaunch } from '../../src/index.ts';
import { firstOfHostlist } from '../../src/launcher/families.ts';

const TORCHRUN = {
  RANK: '3',
  WORLD_SIZE: '16',
  LOCAL_RANK: '3',
  MASTER_ADDR: 'node7',
  MASTER_PORT: '29500',
};
const MPIRUN = {
  OMPI_COMM_WORLD_RANK: '1',
  OMPI_COMM_WORLD_SIZE: '4',
  OMPI_COMM_WORLD_LOCAL_RANK: '1',
  OMPI_COMM_WORLD_LOCAL_SIZE: '4',
  PMIX_NAMESPACE: 'prterun-node7-1234@1',
};
const SRUN = {
  SLURM_PROCID: '9',
  SLURM_NTASKS: '64',
  SLURM_STEP_NUM_TASKS: '16',
  SLURM_LOCALID: '1',
  SLURM_JOB_ID: '4711',
  SLURM_STEP_ID: '0',
  SLURM_STEP_NUM_NODES: '2',
  SLURM_STEP_NODELIST: 'gpu[03-04]',
};

function refusal(env: Record<string, string | undefined>): string {
  try {
    return JSON.stringify(readLaunch(env));
  } catch (error) {
    expect(error).toMatchObject({ code: 'ARFUSE_LAUNCH' });
    return (error as Error).message;
  }
}

describe('launch', () => {
  it('tells who started the process, if anyone', () => {
    expect([TORCHRUN, MPIRUN, SRUN].map(launcherOf)).toEqual(['torchrun', 'mpirun', 'srun']);
    // A shell within an allocation is no step.
    expect(launcherOf({ SLURM_PROCID: '0', SLURM_NTASKS: '8', PATH: '/bin' })).toBeUndefined();
  });

  it('reads torchrun, 17 above its own port', () => {
    expect(readLaunch(TORCHRUN)).toEqual({
      rank: 3,
      size: 16,
      localRank: 3,
      launcher: 'torchrun',
      master: {
        host: 'node7',
        hostFrom: 'MASTER_ADDR',
        port: 29517,
        portFrom: 'MASTER_PORT + 17',
      },
    });
    expect(readLaunch({ ...TORCHRUN, ARFUSE_PORT: '4000' }).master).toMatchObject({
      port: 4000,
      portFrom: 'ARFUSE_PORT',
    });
  });

  it('reads mpirun on one machine as it is, with one port per run', () => {
    const { master, ...launch } = readLaunch(MPIRUN);
    expect(launch).toEqual({ rank: 1, size: 4, localRank: 1, launcher: 'mpirun' });
    expect(master?.host).toBe('127.0.0.1');
    expect(master?.port).toBeGreaterThanOrEqual(20_000);
    expect(master?.port).toBeLessThan(30_000);
    const other = { ...MPIRUN, OMPI_COMM_WORLD_RANK: '2', OMPI_COMM_WORLD_LOCAL_RANK: '2' };
    expect(readLaunch(other).master).toEqual(master);
    expect(readLaunch({ ...MPIRUN, PMIX_NAMESPACE: 'another' }).master?.port).not.toBe(
      master?.port,
    );
  });

  it('asks for the master address when mpirun spans machines', () => {
    const env = { ...MPIRUN, OMPI_COMM_WORLD_LOCAL_SIZE: '2' };
    expect(refusal(env)).toContain('MASTER_ADDR is not set');
    expect(refusal(env)).toContain('mpirun -x MASTER_ADDR');
    expect(readLaunch({ ...env, MASTER_ADDR: 'node7' }).master?.host).toBe('node7');
  });

  it('reads srun by its step, and takes the first machine', () => {
    expect(readLaunch(SRUN)).toMatchObject({
      rank: 9,
      size: 16,
      localRank: 1,
      launcher: 'srun',
      master: { host: 'gpu03', hostFrom: 'SLURM_STEP_NODELIST' },
    });
    expect(readLaunch({ ...SRUN, SLURM_STEP_NUM_NODES: '1' }).master?.host).toBe('127.0.0.1');
  });

  it('does not take a batch script for a rank', () => {
    expect(refusal({ ...SRUN, SLURM_STEP_ID: undefined })).toMatch(/^RANK is not set/);
  });

  it.each([
    ['gpu[03-07,12],login', 'gpu03'],
    ['a1,a2', 'a1'],
    ['node-1.cluster', 'node-1.cluster'],
    ['rack[2,4]-ib', 'rack2-ib'],
    ['[bad', undefined],
  ])('%s begins with %s', (list, first) => {
    expect(firstOfHostlist(list)).toBe(first);
  });

  it('prefers torchrun to mpirun to srun, which may have started each other', () => {
    expect(readLaunch({ ...SRUN, ...MPIRUN, ...TORCHRUN }).launcher).toBe('torchrun');
    expect(readLaunch({ ...SRUN, ...MPIRUN }).launcher).toBe('mpirun');
  });

  it.each([
    ['nothing set', {}, 'RANK is not set'],
    ['no size', { ...TORCHRUN, WORLD_SIZE: undefined }, 'WORLD_SIZE is not set, but RANK is'],
    ['an empty size', { ...TORCHRUN, WORLD_SIZE: ' ' }, 'WORLD_SIZE is not set'],
    ['no local rank', { ...TORCHRUN, LOCAL_RANK: undefined }, 'LOCAL_RANK is not set'],
    ['no address', { ...TORCHRUN, MASTER_ADDR: undefined }, 'MASTER_ADDR is not set'],
    ['no port', { ...TORCHRUN, MASTER_PORT: undefined }, 'neither is ARFUSE_PORT'],
    ['a rank in words', { ...TORCHRUN, RANK: 'two' }, 'RANK is "two"'],
    ['a negative rank', { ...TORCHRUN, RANK: '-1' }, 'RANK is "-1"'],
    ['a rank out of range', { ...TORCHRUN, RANK: '16' }, 'RANK is 16 and WORLD_SIZE is 16'],
    ['no ranks at all', { ...TORCHRUN, WORLD_SIZE: '0' }, 'WORLD_SIZE is "0"'],
    ['a local rank out of range', { ...TORCHRUN, LOCAL_RANK: '16' }, 'LOCAL_RANK is 16'],
    ['two sizes', { ...MPIRUN, WORLD_SIZE: '8' }, 'WORLD_SIZE is 8 and OMPI_COMM_WORLD_SIZE is 4'],
    ["torchrun's own port", { ...TORCHRUN, ARFUSE_PORT: '29500' }, 'torchrun listens'],
    ['no port above', { ...TORCHRUN, MASTER_PORT: '65530' }, 'MASTER_PORT is 65530'],
    ['a port in words', { ...TORCHRUN, ARFUSE_PORT: 'http' }, 'ARFUSE_PORT is "http"'],
    ['any port at rank 3', { ...TORCHRUN, ARFUSE_PORT: '0' }, 'ARFUSE_PORT is 0 and RANK is 3'],
    ['every address', { ...TORCHRUN, MASTER_ADDR: '0.0.0.0' }, 'every address'],
    ['every address, in IPv6', { ...TORCHRUN, MASTER_ADDR: '::' }, 'every address'],
  ])('refuses %s', (_, env, text) => {
    expect(refusal(env)).toContain(text);
  });

  it('a group of one needs no address', () => {
    expect(readLaunch({ RANK: '0', WORLD_SIZE: '1', LOCAL_RANK: '0' })).toEqual({
      rank: 0,
      size: 1,
      localRank: 0,
      launcher: 'torchrun',
    });
  });
});
