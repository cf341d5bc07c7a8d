import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { CONFORMANCE_CHAINS, fillCodes, referenceExpect } from '@arfuse/conformance';
import { type Intercept, referenceDevices } from '@arfuse/reference';
import { describe, expect, it, onTestFinished } from 'vitest';
import { exact } from '../gpu/src/matrix.mjs';
import { pairConformance, pairRecovery, readingChecker } from '../gpu/src/pair/in-process.mjs';
import { FAMILIES, familiesOf, KERNELS } from '../gpu/src/pair/kernels.mjs';
import { pairLaunched, runLaunched } from '../gpu/src/pair/launched.mjs';
import { pairProcesses } from '../gpu/src/pair/processes.mjs';
import { repositoryRoot } from '../src/lib/root.mjs';

const given = (intercept: Intercept = () => 'run') => ({
  devices: referenceDevices(2, { intercept }),
  kernels: KERNELS,
  capability: 90,
  seed: 7,
  ended: () => false,
  expect: referenceExpect,
  exact,
  checker: readingChecker({ check: { codes: (spec, out) => fillCodes(spec, out as Uint16Array) } }),
});

/** The kernel that NCCL releases from 2.29.7 on. */
const WINDOWED = '@arfuse/nccl/all-reduce-symmetric';

const shapes = {
  dtypes: ['bf16'],
  hidden: [64],
  tokens: [1, 5],
  chains: CONFORMANCE_CHAINS.filter(({ name }) => name === 'add + norm' || name === 'sandwich'),
} as const;

describe('gpu:pair in one process, on devices that simulate', () => {
  it('runs every family, those of NCCL each alone', async () => {
    const reports = await pairConformance({ ...given(), ...shapes });
    expect(reports.map(({ kernels }) => kernels)).toEqual(FAMILIES.map(({ kernels }) => kernels));
    for (const { passed, cases, kernels } of reports) {
      expect([kernels, passed]).toEqual([kernels, true]);
      expect(cases).toBeGreaterThan(6);
    }
  });

  it('fails the family whose kernel is wrong, and no other', async () => {
    const wrong = '@arfuse/symm-mem/two-shot';
    const reports = await pairConformance({
      ...given(({ kernel, step }) => () => {
        const place = step.results.all_reduce ?? step.carry;
        if (kernel !== wrong || !place) return;
        (place.memory as unknown as { data: Uint8Array }).data[place.offset]! ^= 64;
      }),
      ...shapes,
    });
    expect(reports.filter(({ passed }) => !passed).flatMap(({ kernels }) => kernels)).toEqual(
      familiesOf([wrong, '@arfuse/symm-mem/one-shot'])[0]!.kernels,
    );
  });

  it('sees ranks recover, and says what a kernel that cannot be opened fails with', async () => {
    const kernels = ['@arfuse/flashinfer/one-shot', '@arfuse/nccl/all-reduce'];
    const asked = { ...given(), kernels, rounds: 2, after: 4, nccl: '2.28.9' };
    const reports = await pairRecovery(asked);
    expect(reports.map(({ kernel, passed, rounds }) => [kernel, passed, rounds])).toEqual(
      kernels.map((kernel) => [kernel, true, 2]),
    );
    const devices = given().devices.map((device) => ({
      ...device,
      open: () => Promise.reject(new Error('no library')),
    }));
    const [broken] = await pairRecovery({ ...asked, devices });
    expect(broken).toMatchObject({ passed: false, faults: ['no library'] });
    const windowed = { ...asked, kernels: [WINDOWED] };
    expect(await pairRecovery(windowed)).toEqual([]);
    expect(await pairRecovery({ ...windowed, nccl: '2.29.7' })).toMatchObject([{ passed: true }]);
  });
});

describe('gpu:pair by processes', () => {
  it('gives each rank its own GPU, and ends in time', async () => {
    const asked: Parameters<NonNullable<Parameters<typeof pairProcesses>[0]['run']>>[0][] = [];
    const run = (task: (typeof asked)[number]) => {
      asked.push(task);
      return Promise.resolve({ launches: 1, medianMs: 1 });
    };
    const options = {
      kernels: KERNELS,
      nccl: '2.28.9',
      capability: 90,
      seed: 7,
      quick: false,
      run,
    };
    const all = await pairProcesses({ ...options, ended: () => false });
    expect(all).toMatchObject({ complete: true });
    expect(asked).toHaveLength(5 * KERNELS.length);
    expect(asked.every(({ ownGpus }) => ownGpus)).toBe(true);
    expect(new Set(asked.map(({ seed }) => seed)).size).toBe(asked.length);
    expect(asked.filter(({ late, dies }) => late === 1 || dies === 1)).toHaveLength(
      2 * KERNELS.length,
    );
    expect(new Set(asked.filter(({ holds }) => holds).map(({ collective }) => collective))).toEqual(
      new Set([WINDOWED]),
    );
    let left = 3;
    const some = await pairProcesses({ ...options, ended: () => left-- === 0 });
    expect([some.complete, some.results.length]).toEqual([false, 3]);
  });

  it('starts programs as a launcher does, and quotes what they end with', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'arfuse-pair-test-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, 'program.mjs');
    writeFileSync(
      path,
      'const { RANK, WORLD_SIZE, LOCAL_RANK } = process.env;' +
        'console.log(process.argv[2], RANK, WORLD_SIZE, LOCAL_RANK); process.exit(RANK * 3);',
    );
    const one = { name: 'it', program: pathToFileURL(path), args: ['a b'] };
    expect(await runLaunched(one, { seconds: 30 })).toMatchObject({
      name: 'it',
      said: ['a b 0 2 0'],
      faults: ['rank 1 ended with 3: a b 1 2 1'],
    });
  });

  const built = existsSync(join(repositoryRoot, 'packages/cli/dist/main.js'));
  it.skipIf(!built)(
    'plans, and finds the command line and the example, which say that there is no GPU',
    async () => {
      const { complete, results } = await pairLaunched({
        seconds: 60,
        ended: () => false,
        env: { CUDA_VISIBLE_DEVICES: '' },
      });
      expect(complete).toBe(true);
      expect(results.map(({ name }) => name)).toEqual([
        'arfuse verify PLAN --on gpu',
        'arfuse run PLAN',
        'examples/run-on-gpus.mjs',
      ]);
      for (const { faults } of results) {
        expect(faults).toHaveLength(2);
        for (const fault of faults)
          expect(fault).toMatch(/^rank \d ended with \d: [\s\S]*no (GPU|native addon)/);
      }
    },
  );
});
