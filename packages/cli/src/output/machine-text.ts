import type { MachineFinding, MachineGpu, MachineReport, TableMatch } from '@arfuse/core';
import type { Console } from '../system/console.ts';
import { plural, shortTable } from './names.ts';
import { textTable } from './text-table.ts';
import { paragraph } from './wrap.ts';

const LABEL = 10;

/** One line of the report: a label and a text that wraps behind it. */
function entry(label: string, text: string): string {
  return paragraph(text, label.padEnd(LABEL), LABEL);
}

const version = (cuda: number): string =>
  `${Math.floor(cuda / 1000)}.${Math.floor((cuda % 1000) / 10)}`;

function systemLines({ probe, packages }: MachineReport): string[] {
  const { os, kernel, arch, glibc, node, napi } = probe.system;
  return [
    entry('system', `${os}, kernel ${kernel}, ${arch}, glibc ${glibc ?? 'absent'}`),
    entry('node', `${node}, Node-API ${napi}`),
    entry(
      'packages',
      Object.entries(packages)
        .map(([name, of]) => `${name} ${of}`)
        .join(', '),
    ),
  ];
}

function addonLines({ probe: { addon } }: MachineReport): string[] {
  const text = !addon
    ? 'not known'
    : addon.loaded
      ? `${addon.path} (${addon.from}), ABI ${addon.abi}, for ${addon.cudaArchitectures ?? 'the host only'}` +
        (addon.flashinferVersion === null ? '' : `, FlashInfer ${addon.flashinferVersion}`)
      : 'none';
  const tried = addon?.failures ?? [];
  return [
    entry('addon', text),
    ...tried.map(({ path, message }) => entry('', `not ${path}: ${message}`)),
  ];
}

function driverLines({ probe: { driver, cuda, nccl } }: MachineReport): string[] {
  const cudaText = cuda
    ? `driver for ${cuda.driverVersion === 0 ? 'none' : version(cuda.driverVersion)}` +
      `${cuda.libcuda === null ? '' : ` (${cuda.libcuda})`}, addon's runtime ${version(cuda.runtimeVersion)}`
    : 'not asked';
  const ncclText = !nccl ? 'not asked' : nccl.found ? `${nccl.version} (${nccl.path})` : 'none';
  return [
    entry('driver', driver ?? 'none'),
    entry('CUDA', cudaText),
    entry('NCCL', ncclText),
    ...(nccl?.failures ?? []).map(({ path, message }) => entry('', `not ${path}: ${message}`)),
  ];
}

const GIBIBYTE = 2 ** 30;

function multicastText({ multicast }: MachineGpu): string {
  if (multicast === null) return 'unknown';
  return multicast ? 'possible' : 'no';
}

function gpuTable({ gpus }: MachineReport): string {
  return textTable(
    [
      { title: 'GPU', align: 'right' },
      { title: 'name', flexible: true },
      { title: 'key' },
      { title: 'cc', align: 'right' },
      { title: 'GiB', align: 'right' },
      { title: 'SMs', align: 'right' },
      { title: 'PCI' },
      { title: 'code' },
      { title: 'multicast' },
    ],
    gpus.map((gpu) => [
      String(gpu.ordinal),
      gpu.name,
      gpu.sku ?? 'unknown',
      (gpu.capability / 10).toFixed(1),
      (gpu.memoryBytes / GIBIBYTE).toFixed(0),
      String(gpu.multiprocessors),
      gpu.pciBusId,
      gpu.served ? 'yes' : 'no',
      multicastText(gpu),
    ]),
  );
}

/** Which GPU reaches whose memory, and over what. */
function peerTable({ gpus, links }: MachineReport): string {
  const cell = (from: MachineGpu, to: number): string => {
    if (from.ordinal === to) return '·';
    const link = links?.[from.ordinal]?.[to];
    const kind = !link
      ? ''
      : link.kind === 'nvlink'
        ? ` NV${link.nvlinks}`
        : ` ${link.kind.toUpperCase()}`;
    return `${from.peers[to] ? 'peer' : 'no'}${kind}`;
  };
  return textTable(
    [{ title: 'reaches' }, ...gpus.map(({ ordinal }) => ({ title: `GPU${ordinal}` }))],
    gpus.map((gpu) => [`GPU${gpu.ordinal}`, ...gpus.map((_, to) => cell(gpu, to))]),
  );
}

const MATCHES: Readonly<Record<TableMatch['match'], string>> = {
  exact: 'this box',
  'model-free': 'names no model',
  other: 'nearest',
};

/** The tables that fit, and the nearest measured one where none does. */
function tableLines({ tables }: MachineReport): string[] {
  const fit = tables.filter(({ match }) => match !== 'other');
  const measured = fit.some(({ kind }) => kind === 'measured');
  const nearest = tables.find(({ match, kind }) => match === 'other' && kind === 'measured');
  const shown = [...fit, ...(!measured && nearest ? [nearest] : [])];
  return shown.map(({ table, version: of, kind, match, rows, differs }, i) =>
    entry(
      i === 0 ? 'tables' : '',
      `${shortTable(table)}@${of} (${kind}): ${MATCHES[match]}, ${plural(rows, 'row')}` +
        `${differs.length > 0 ? `; ${differs.join('; ')}` : ''}`,
    ),
  );
}

function findingLines({ level, what, fix }: MachineFinding, { color }: Console): string {
  const paint = level === 'red' ? color.red : color.yellow;
  const label = level === 'red' ? 'wrong' : 'note';
  return `${paint(label)}${paragraph(what, label.padEnd(LABEL), LABEL).slice(label.length)}\n${entry('', `→ ${fix}`)}`;
}

/** What a machine has, what serves it, and each finding with its fix. */
export function printMachine(report: MachineReport, console: Console): void {
  const { color } = console;
  for (const line of [...systemLines(report), ...addonLines(report), ...driverLines(report)])
    console.line(line);
  if (report.gpus.length > 0) {
    console.line(`\n${gpuTable(report)}`);
    if (report.gpus.length > 1) console.line(`\n${peerTable(report)}`);
    console.line();
    console.line(entry('links', `${report.interconnect.class}: ${report.interconnect.reason}`));
    console.line(
      entry('multicast', 'arfuse never uses NVLink multicast; targets say multicast=off.'),
    );
    console.line(entry('target', report.target ?? 'not known'));
    for (const line of tableLines(report)) console.line(line);
  }
  if (report.findings.length > 0) console.line();
  for (const finding of report.findings) console.line(findingLines(finding, console));
  console.line();
  console.line(
    report.usable
      ? color.green('Plans can run on GPUs here.')
      : color.red('Plans can run on the reference backend only (--on reference).'),
  );
}
