import { describe, expect, it } from 'vitest';
import { runsOn } from '../../src/machine/architectures.ts';
import { examineMachine } from '../../src/machine/examine-machine.ts';
import { matchTables } from '../../src/machine/table-match.ts';
import { parseTarget, SKUS, skuOfName } from '../../src/target/index.ts';
import { active, gpus, machine, matrix, NV } from './machine.ts';

const H200_8 = (() => {
  const list = gpus(8);
  return machine(list, {
    topology: { links: matrix(8, () => NV(18)) },
    nvlink: active(list, 18),
  });
})();

const said = (probe: Parameters<typeof examineMachine>[0], world?: number): string[] =>
  examineMachine(probe, world === undefined ? {} : { world }).findings.map(
    ({ level, what, fix }) => `${level}: ${what} ${fix}`,
  );

describe('examineMachine', () => {
  it('gives the target that plan reads, and the tables that serve it', () => {
    const report = examineMachine(H200_8);
    expect(report).toMatchObject({ usable: true, findings: [], world: 8, ranksPerDevice: 1 });
    expect(report.target).toBe(
      'h200-sxm,world=8,tokens=8192,multicast=off,flashinfer=0.7.2.post1,nccl=2.28.9,cuda=13.0',
    );
    expect(parseTarget(report.target!).groups.default).toEqual({ size: 8, nodes: 1 });
    expect(report.interconnect.class).toBe('nvlink-switch');
    const pair = report.tables.find(({ table }) => table === '@arfuse/thresholds/h200-sxm-2x');
    expect(pair).toMatchObject({ match: 'other', differs: ['group of 2, not 8'] });
  });

  it('finds the measured table of two H200s exactly', () => {
    const list = gpus(2);
    const links = { topology: { links: matrix(2, () => NV(18)) }, nvlink: active(list, 18) };
    const [best] = examineMachine(machine(list, links)).tables;
    expect(best).toMatchObject({
      table: '@arfuse/thresholds/h200-sxm-2x',
      kind: 'measured',
      match: 'exact',
      differs: [],
    });
    expect(best!.rows).toBeGreaterThan(10);
  });

  it('says when ranks would share a GPU', () => {
    const report = examineMachine(machine(gpus(1)), { world: 8 });
    expect(report).toMatchObject({ usable: true, ranksPerDevice: 8 });
    expect(report.target).toMatch(/^h200-sxm,world=8,/);
    expect(said(machine(gpus(1)), 8)).toEqual([
      'yellow: 8 ranks would share one GPU, 8 each. For tests, run with --ranks-per-device 8; times then say nothing of production.',
    ]);
    expect(said(machine(gpus(1)))).toEqual([]);
  });

  it.each<[string, Parameters<typeof machine>[1], RegExp]>([
    [
      'an addon that crashes',
      {
        addon: null,
        cuda: null,
        nccl: null,
        fault: { phase: 'addon', signal: 'SIGSEGV', exitCode: null, timedOut: false, stderr: '' },
      },
      /^red: loading the addon ended the process by SIGSEGV\. Build it again/,
    ],
    [
      'a driver that hangs',
      {
        cuda: null,
        nccl: null,
        fault: { phase: 'cuda', signal: 'SIGKILL', exitCode: null, timedOut: true, stderr: '' },
      },
      /^red: asking the driver for GPUs did not end in time\. See whether `nvidia-smi` answers/,
    ],
    [
      'no addon',
      {
        addon: { loaded: false, message: 'no native addon: a: missing. Do this.', failures: [] },
        cuda: null,
        nccl: null,
      },
      /^red: no native addon: a: missing\. Install the platform package/,
    ],
    [
      'an addon without kernels',
      {
        addon: {
          loaded: true,
          from: 'local',
          path: 'x.node',
          abi: 3,
          cudaArchitectures: null,
          flashinferVersion: null,
          failures: [],
        },
        cuda: null,
      },
      /^red: the addon x\.node was built without CUDA/,
    ],
    [
      'no driver',
      {
        driver: null,
        cuda: {
          driverVersion: 0,
          runtimeVersion: 13000,
          error: 'no driver',
          devices: [],
          libcuda: null,
        },
      },
      /^red: there is no NVIDIA driver: no driver\. Install one for CUDA 13/,
    ],
    [
      'an old driver',
      {
        cuda: {
          driverVersion: 12040,
          runtimeVersion: 13000,
          error: 'insufficient',
          devices: [],
          libcuda: null,
        },
      },
      /^red: the driver is for CUDA 12\.4, the addon needs 13\.0\./,
    ],
    [
      'a container without GPUs',
      {
        cuda: {
          driverVersion: 13000,
          runtimeVersion: 13000,
          error: 'no CUDA-capable device is detected',
          devices: [],
          libcuda: null,
        },
      },
      /^red: CUDA lists no GPU: no CUDA-capable device is detected\. .*--gpus all/,
    ],
  ])('names %s with its fix, and only the reference is left', (_, given, sentence) => {
    const report = examineMachine(machine([], given));
    expect(report).toMatchObject({ usable: false, target: null, tables: [] });
    expect(said(machine([], given))[0]).toMatch(sentence);
  });

  it.each<[string, ReturnType<typeof gpus>, Parameters<typeof machine>[1], RegExp]>([
    [
      'NCCL that is absent',
      gpus(1),
      {
        nccl: {
          found: false,
          message: 'no NCCL 2.28.0 or newer: libnccl.so.2: missing. Install it.',
          failures: [],
        },
      },
      /^yellow: no NCCL 2\.28\.0 or newer: libnccl\.so\.2: missing\. .*nvidia-nccl-cu13/,
    ],
    [
      'a model that is not known',
      gpus(1, { name: 'NVIDIA GeForce RTX 5090', capability: 120 }),
      {},
      /^yellow: GPU 0 is "NVIDIA GeForce RTX 5090", which is no model that targets name\./,
    ],
    [
      'links that cannot be told',
      gpus(2, { name: 'NVIDIA A100 80GB PCIe', capability: 80 }),
      {},
      /^yellow: how the GPUs are joined is not known: CUDA has atomics.*interconnect=/,
    ],
  ])('notes %s, and GPUs can be used', (_, list, given, sentence) => {
    expect(examineMachine(machine(list, given)).usable).toBe(true);
    expect(said(machine(list, given)).join('\n')).toMatch(sentence);
  });

  it('refuses a GPU that the addon has no code for', () => {
    const turing = gpus(1, { name: 'Tesla T4', capability: 75 });
    expect(examineMachine(machine(turing)).usable).toBe(false);
    expect(said(machine(turing))[0]).toMatch(
      /^red: GPU 0 \(Tesla T4\) has compute capability 7\.5; the addon has code for 80-real .*--archs 75/,
    );
  });

  it('tells no target of GPUs that differ', () => {
    const [first, second] = gpus(2);
    const mixed = [first!, { ...second!, name: 'NVIDIA H100 80GB HBM3' }];
    expect(examineMachine(machine(mixed)).target).toBeNull();
  });
});

describe('skuOfName', () => {
  it.each([
    ['NVIDIA H200', 'h200-sxm'],
    ['NVIDIA H200 NVL', 'h200-nvl'],
    ['NVIDIA H100 80GB HBM3', 'h100-sxm'],
    ['NVIDIA H100 PCIe', 'h100-pcie'],
    ['NVIDIA A100-SXM4-80GB', 'a100-sxm'],
    ['A100-SXM4-40GB', 'a100-sxm'],
    ['NVIDIA A100 80GB PCIe', 'a100-pcie'],
    ['NVIDIA B200', 'b200'],
    ['NVIDIA L40S', 'l40s'],
    ['NVIDIA H20', 'h20'],
    ['NVIDIA GH200 480GB', 'gh200'],
    ['NVIDIA RTX PRO 6000 Blackwell Server Edition', 'rtx-pro-6000'],
  ])('%s is %s', (name, sku) => {
    expect(skuOfName(name)).toBe(sku);
    expect(SKUS).toHaveProperty(sku);
  });

  it.each(['NVIDIA H200 MIG 1g.18gb', 'NVIDIA H100', 'NVIDIA GeForce RTX 4090', ''])(
    'guesses nothing from "%s"',
    (name) => expect(skuOfName(name)).toBeUndefined(),
  );
});

describe('runsOn', () => {
  it.each([
    ['90a-real', 90, true],
    ['90a-real', 100, false],
    ['80-real', 89, true],
    ['80-real', 90, false],
    ['80', 90, true],
    ['80-virtual', 120, true],
    ['100f-real', 103, true],
    ['100f-real', 120, false],
    ['120a-real', 121, false],
    ['80-real 90a-real', 90, true],
    ['', 90, false],
  ])('%s on %d: %s', (architectures, capability, expected) => {
    expect(runsOn(architectures, capability)).toBe(expected);
  });
});

describe('matchTables', () => {
  it('puts tables of the box first, and says how others differ', () => {
    const found = matchTables({
      sku: 'h100-sxm',
      capability: 90,
      groupSize: 2,
      interconnect: 'nvlink-switch',
    });
    const order = found.map(({ match }) => match);
    expect(order).toEqual(
      [...order].sort(
        (a, b) =>
          ['exact', 'model-free', 'other'].indexOf(a) - ['exact', 'model-free', 'other'].indexOf(b),
      ),
    );
    const h200 = found.find(({ table }) => table === '@arfuse/thresholds/h200-sxm-2x');
    expect(h200).toMatchObject({ match: 'other', differs: ['h200-sxm, not h100-sxm'] });
  });
});
