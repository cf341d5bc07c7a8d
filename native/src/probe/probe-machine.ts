import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, release, type } from 'node:os';
import { dirname, join } from 'node:path';
import type { MachineProbe, ProbeFault, ProbePhase, SystemProbe } from '@arfuse/contract';
import type { ChildLine } from './child-line.ts';
import { parseDriverVersion, parseNvlinkStatus, parseTopology } from './nvidia-smi.ts';
import { type LimitedRun, runLimited } from './run-limited.ts';

/** How a machine is probed. */
export interface ProbeOptions {
  /** Environment of the child: `ARFUSE_NATIVE_BINARY`, `ARFUSE_NCCL_PATH`, `CUDA_VISIBLE_DEVICES`, … Default `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Milliseconds after which the child is ended. Default 20,000: a driver that wakes up eight GPUs takes a few seconds. */
  readonly timeoutMs?: number;
  /** The child's program; by default the one of this package. */
  readonly child?: string;
}

const TIMEOUT_MS = 20_000;
const SMI_TIMEOUT_MS = 10_000;
const LAST_LINES = 20;

/** Built beside the package's entry. */
function childProgram(): string {
  const require = createRequire(import.meta.url);
  return join(dirname(require.resolve('@arfuse/native/package.json')), 'dist/probe/child.js');
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function glibcVersion(): string | null {
  const report = process.report as { excludeNetwork?: boolean } & NodeJS.ProcessReport;
  const before = report.excludeNetwork;
  // Names of network peers are looked up otherwise, which can take seconds.
  report.excludeNetwork = true;
  const { header } = report.getReport() as {
    readonly header?: { readonly glibcVersionRuntime?: string };
  };
  if (before !== undefined) report.excludeNetwork = before;
  return header?.glibcVersionRuntime ?? null;
}

function probeSystem(): SystemProbe {
  const pretty = /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(textOf('/etc/os-release') ?? '')?.[1];
  return {
    os: pretty ?? type(),
    kernel: release(),
    arch: arch(),
    glibc: glibcVersion(),
    node: process.versions.node,
    napi: process.versions.napi ?? '',
  };
}

/** The lines that the child wrote whole. */
function linesOf(output: string): ChildLine[] {
  return output.split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line) as ChildLine];
    } catch {
      return [];
    }
  });
}

/** The value of the last line that has it. */
function found<K extends 'addon' | 'cuda' | 'nccl'>(lines: readonly ChildLine[], key: K) {
  const line = lines.findLast((one) => key in one) as
    | Extract<ChildLine, Readonly<Record<K, unknown>>>
    | undefined;
  return line ? line[key] : null;
}

function faultOf(lines: readonly ChildLine[], run: LimitedRun): ProbeFault | null {
  if (lines.some((line) => 'done' in line)) return null;
  const begun = lines.flatMap((line) => ('begins' in line ? [line.begins] : []));
  const phase: ProbePhase = begun.at(-1) ?? 'addon';
  const words = run.error ? run.error.message : run.stderr;
  return {
    phase,
    signal: run.signal,
    exitCode: run.exitCode,
    timedOut: run.timedOut,
    stderr: words.trimEnd().split('\n').slice(-LAST_LINES).join('\n'),
  };
}

/**
 * Finds out what this machine has: addon, driver, GPUs, NCCL, links. Everything that loads native code or asks a driver is done
 * by a child process with a time limit: a crash or a hang there is an answer here.
 */
export async function probeMachine(options: ProbeOptions = {}): Promise<MachineProbe> {
  const { env = process.env, timeoutMs = TIMEOUT_MS, child = childProgram() } = options;
  const smi = (...args: string[]): Promise<LimitedRun> =>
    runLimited('nvidia-smi', args, { timeoutMs: SMI_TIMEOUT_MS, fd: 1, env });
  const [run, topology, nvlink] = await Promise.all([
    runLimited(process.execPath, [child], { timeoutMs, fd: 3, env }),
    smi('topo', '-m'),
    smi('nvlink', '--status'),
  ]);
  const lines = linesOf(run.output);
  return {
    system: probeSystem(),
    driver: parseDriverVersion(textOf('/proc/driver/nvidia/version') ?? ''),
    addon: found(lines, 'addon'),
    cuda: found(lines, 'cuda'),
    nccl: found(lines, 'nccl'),
    fault: faultOf(lines, run),
    topology: parseTopology(topology.output),
    nvlink: parseNvlinkStatus(nvlink.output),
  };
}
