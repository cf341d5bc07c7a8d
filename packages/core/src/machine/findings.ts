import type { MachineProbe, ProbeFault, ProbePhase } from '@arfuse/contract';
import type { InterconnectFinding } from './interconnect.ts';
import type { MachineFinding, MachineGpu } from './report.ts';

/** Oldest driver for CUDA 13. */
const OLDEST_DRIVER = 'branch 580';

const DOES: Readonly<Record<ProbePhase, string>> = {
  addon: 'loading the addon',
  cuda: 'asking the driver for GPUs',
  nccl: 'loading NCCL',
};

const MENDS: Readonly<Record<ProbePhase, string>> = {
  addon: 'Build it again with `arfuse native build`, or name another one by ARFUSE_NATIVE_BINARY.',
  cuda: 'See whether `nvidia-smi` answers; restart the driver or the machine where it does not.',
  nccl: 'Name another libnccl.so.2 by ARFUSE_NCCL_PATH.',
};

function faultFinding({ phase, signal, exitCode, timedOut, stderr }: ProbeFault): MachineFinding {
  const how = timedOut
    ? 'did not end in time'
    : signal !== null
      ? `ended the process by ${signal}`
      : `ended the process with exit code ${String(exitCode)}`;
  const lines = stderr.split('\n');
  const last = lines.find((line) => /error/i.test(line)) ?? lines.at(-1) ?? '';
  return {
    level: 'red',
    what: `${DOES[phase]} ${how}${last === '' ? '' : ` (${last})`}.`,
    fix: MENDS[phase],
  };
}

const red = (what: string, fix: string): MachineFinding => ({ level: 'red', what, fix });
const yellow = (what: string, fix: string): MachineFinding => ({ level: 'yellow', what, fix });

/** `13.0` for 13000. */
export const cudaVersion = (version: number): string =>
  `${Math.floor(version / 1000)}.${Math.floor((version % 1000) / 10)}`;

function cudaFindings({ cuda, driver }: MachineProbe): MachineFinding[] {
  if (!cuda) return [];
  const { driverVersion, runtimeVersion, error, devices } = cuda;
  if (driver === null && driverVersion === 0)
    return [
      red(
        `there is no NVIDIA driver${error === null ? '' : `: ${error}`}.`,
        `Install one for CUDA 13 (${OLDEST_DRIVER} or newer); in a container, start it with its GPUs (--gpus all).`,
      ),
    ];
  if (Math.floor(driverVersion / 1000) < Math.floor(runtimeVersion / 1000))
    return [
      red(
        `the driver is for CUDA ${cudaVersion(driverVersion)}, the addon needs ${cudaVersion(runtimeVersion)}.`,
        `Install a driver of ${OLDEST_DRIVER} or newer, or build the addon with an older toolkit (\`arfuse native build --cuda\`).`,
      ),
    ];
  if (error !== null || devices.length === 0)
    return [
      red(
        `CUDA lists no GPU${error === null ? '' : `: ${error}`}.`,
        'See what `nvidia-smi` lists and what CUDA_VISIBLE_DEVICES says; in a container, start it with its GPUs (--gpus all).',
      ),
    ];
  return [];
}

function addonFindings({ addon }: MachineProbe): MachineFinding[] {
  if (!addon) return [];
  if (!addon.loaded)
    return [
      red(
        addon.message.split('. ')[0]!.replace(/\.?$/, '.'),
        'Install the platform package, or run `arfuse native build`.',
      ),
    ];
  if (addon.cudaArchitectures === null)
    return [
      red(
        `the addon ${addon.path} was built without CUDA: it computes on the host only.`,
        'Run `arfuse native build`, or install the platform package.',
      ),
    ];
  return [];
}

function gpuFindings(gpus: readonly MachineGpu[], built: string): MachineFinding[] {
  return gpus.flatMap(({ ordinal, name, capability, served, sku }) => [
    ...(served
      ? []
      : [
          red(
            `GPU ${ordinal} (${name}) has compute capability ${capability / 10}; the addon has code for ${built}.`,
            `Run \`arfuse native build --archs ${capability}\`.`,
          ),
        ]),
    ...(sku === null
      ? [
          yellow(
            `GPU ${ordinal} is "${name}", which is no model that targets name.`,
            'Give `plan` a key of your own with capability= and interconnect=; only tables that you add have its times.',
          ),
        ]
      : []),
  ]);
}

/** Everything that a person should know of, worst first. */
export function findingsOf(
  probe: MachineProbe,
  gpus: readonly MachineGpu[],
  interconnect: InterconnectFinding,
  sharing: { readonly world: number; readonly ranksPerDevice: number },
): MachineFinding[] {
  const { addon, nccl, fault, system } = probe;
  const found: MachineFinding[] = [
    ...(fault ? [faultFinding(fault)] : []),
    ...addonFindings(probe),
    ...cudaFindings(probe),
    ...gpuFindings(gpus, (addon?.loaded && addon.cudaArchitectures) || 'no GPU'),
  ];
  if (addon?.loaded && nccl && !nccl.found)
    found.push(
      yellow(
        nccl.message.split('. ')[0]!.replace(/\.?$/, '.'),
        'Install it (`pip install nvidia-nccl-cu13`, or the system package libnccl2), or name it by ARFUSE_NCCL_PATH; plans without @arfuse/nccl need none.',
      ),
    );
  if (interconnect.class === 'unknown')
    found.push(
      yellow(
        `how the GPUs are joined is not known: ${interconnect.reason}`,
        'Say it in the target: interconnect=nvlink-switch, nvlink-bridge, nvlink-mesh or pcie.',
      ),
    );
  if (gpus.length > 0 && sharing.ranksPerDevice > 1)
    found.push(
      yellow(
        `${sharing.world} ranks would share ${gpus.length === 1 ? 'one GPU' : `${gpus.length} GPUs`}, ${sharing.ranksPerDevice} each.`,
        `For tests, run with --ranks-per-device ${sharing.ranksPerDevice}; times then say nothing of production.`,
      ),
    );
  if (system.arch !== 'x64')
    found.push(
      yellow(
        `this is ${system.arch}: there is no platform package for it.`,
        'Run `arfuse native build`.',
      ),
    );
  return found.sort((a, b) => Number(a.level === 'yellow') - Number(b.level === 'yellow'));
}
