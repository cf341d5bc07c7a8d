import type { LinkKind, NvlinkStatus, Topology, TopologyLink } from '@arfuse/contract';

const OTHER: Readonly<Record<string, LinkKind>> = {
  PIX: 'pix',
  PXB: 'pxb',
  PHB: 'phb',
  NODE: 'node',
  SYS: 'sys',
};

/** Terminal attributes: the header is underlined. */
const ATTRIBUTES = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');

function linkOf(text: string): TopologyLink | null | undefined {
  if (text === 'X') return null;
  const nvlinks = /^NV(\d+)$/.exec(text)?.[1];
  if (nvlinks !== undefined) return { kind: 'nvlink', nvlinks: Number(nvlinks) };
  const kind = OTHER[text];
  return kind && { kind, nvlinks: 0 };
}

/**
 * Reads what `nvidia-smi topo -m` prints. NICs and affinities are left out.
 * @returns null for a text that is no such matrix, or has a link that is not known
 */
export function parseTopology(text: string): Topology | null {
  const lines = text
    .replace(ATTRIBUTES, '')
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  const header = lines.find((cells) => cells[0] === 'GPU0');
  if (!header) return null;
  const gpus = header.filter((cell) => /^GPU\d+$/.test(cell)).length;
  const links: (TopologyLink | null)[][] = [];
  for (let gpu = 0; gpu < gpus; gpu += 1) {
    const row = lines.find((cells) => cells[0] === `GPU${gpu}` && cells !== header);
    const cells = row?.slice(1, gpus + 1).map(linkOf);
    if (!cells || cells.length < gpus || cells.some((cell) => cell === undefined)) return null;
    links.push(cells as (TopologyLink | null)[]);
  }
  return { links };
}

/**
 * Reads what `nvidia-smi nvlink --status` prints: links with a speed are active.
 * @returns null for a text that names no GPU
 */
export function parseNvlinkStatus(text: string): NvlinkStatus | null {
  const gpus: { uuid: string; active: number }[] = [];
  for (const line of text.split('\n')) {
    const uuid = /^GPU \d+: .*\(UUID: (GPU-[\w-]+)\)/.exec(line)?.[1];
    const last = gpus.at(-1);
    if (uuid !== undefined) gpus.push({ uuid, active: 0 });
    else if (last && /^\s+Link \d+: [\d.]+ GB\/s/.test(line)) last.active += 1;
  }
  return gpus.length > 0 ? { gpus } : null;
}

/**
 * Version of the kernel's driver from `/proc/driver/nvidia/version`.
 * @returns null for another text
 */
export function parseDriverVersion(text: string): string | null {
  return /^NVRM version: .*?\s(\d{3}\.\d+(?:\.\d+)?)\s/m.exec(text)?.[1] ?? null;
}
