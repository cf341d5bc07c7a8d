import type { Interconnect, MachineProbe, ProbedGpu, TopologyLink } from '@arfuse/contract';

/** How the GPUs are joined, and how that is known. `unknown` where it cannot be told. */
export interface InterconnectFinding {
  readonly class: Interconnect | 'unknown';
  /** One sentence. */
  readonly reason: string;
}

/** Links between the GPUs that CUDA lists, in CUDA's order, and how many NVLinks each has. */
export interface SeenLinks {
  readonly links: readonly (readonly (TopologyLink | null)[])[];
  /** Active NVLinks by GPU; undefined where `nvidia-smi` does not say. */
  readonly active: readonly number[] | undefined;
}

/**
 * What `nvidia-smi` says of the GPUs that CUDA lists: it shows all of the machine, in an order of its own.
 * @returns undefined when it says nothing, or the GPUs cannot be told apart
 */
export function seenLinks(
  devices: readonly ProbedGpu[],
  { topology, nvlink }: Pick<MachineProbe, 'topology' | 'nvlink'>,
): SeenLinks | undefined {
  if (!topology) return undefined;
  const { links } = topology;
  const listed = nvlink?.gpus.length === links.length ? nvlink.gpus : undefined;
  const places = listed
    ? devices.map(({ uuid }) => listed.findIndex((gpu) => gpu.uuid === uuid))
    : links.length === devices.length
      ? [...devices.keys()]
      : [];
  if (places.length !== devices.length || places.includes(-1)) return undefined;
  return {
    links: places.map((row) => places.map((column) => links[row]![column]!)),
    active: listed && places.map((place) => listed[place]!.active),
  };
}

const BOARDS: Readonly<Partial<Record<Interconnect, string>>> = {
  'nvlink-switch': 'boards of this model have NVLink switches',
  'nvlink-bridge': 'cards of this model are joined in pairs by bridges',
  'nvlink-mesh': 'boards of this model join GPUs directly',
};

/** NVLink between all pairs, without a look at single links: what boards of the model have. */
function fromModel(usual: Interconnect | undefined, seen: string): InterconnectFinding {
  const board = usual && BOARDS[usual];
  if (usual && board) return { class: usual, reason: `${seen}; ${board}.` };
  return {
    class: 'unknown',
    reason: `${seen}; what joins them, a switch or bridges, is not known of this model.`,
  };
}

/** NVLink between all pairs, from how many links each pair and each GPU has. */
function fromLinks(
  { links, active }: SeenLinks,
  usual: Interconnect | undefined,
): InterconnectFinding {
  const counts = links.map((row) => row.flatMap((link) => (link ? [link.nvlinks] : [])));
  const most = Math.max(...counts.flat());
  const seen = `NV${most} between all ${links.length} GPUs`;
  if (!active) return fromModel(usual, seen);
  const shared = counts.some((row, gpu) => row.reduce((sum, n) => sum + n, 0) > active[gpu]!);
  if (shared)
    return {
      class: 'nvlink-switch',
      reason: `${seen}, and a GPU has only ${Math.min(...active)} links: they reach every peer through a switch.`,
    };
  if (links.length > 2)
    return { class: 'nvlink-mesh', reason: `${seen}: each pair has links of its own.` };
  const all = counts.every((row, gpu) => row[0] === active[gpu]);
  if (!all)
    return {
      class: 'nvlink-mesh',
      reason: `${seen} of ${active[0]} links of each: the others go to GPUs that this process does not see.`,
    };
  // All links of two GPUs join them, by bridges or through a switch: the board tells.
  return fromModel(usual === 'pcie' ? 'nvlink-bridge' : usual, seen);
}

/**
 * How the GPUs of this machine are joined: from the links that `nvidia-smi` shows, else from what CUDA says of peers and what
 * boards of the model have.
 * @param usual - interconnect of the model's usual board
 */
export function interconnectOf(
  devices: readonly ProbedGpu[],
  probe: Pick<MachineProbe, 'topology' | 'nvlink'>,
  usual: Interconnect | undefined,
): InterconnectFinding {
  if (devices.length < 2)
    return { class: 'none', reason: 'there are no two GPUs that could be joined.' };
  const others = devices.flatMap((device, from) =>
    [...devices.keys()].filter((to) => to !== from).map((to) => ({ device, to })),
  );
  if (!others.some(({ device, to }) => device.peers[to]))
    return { class: 'none', reason: "no GPU reaches another's memory." };
  const seen = seenLinks(devices, probe);
  const kinds = seen?.links.flatMap((row) => row.flatMap((link) => (link ? [link.kind] : [])));
  if (seen && kinds?.every((kind) => kind === 'nvlink')) return fromLinks(seen, usual);
  const joined = others.filter(({ device, to }) => device.peerAtomics[to]);
  if (!seen && joined.length === others.length)
    return fromModel(usual, 'CUDA has atomics between all GPUs, as over NVLink');
  if (kinds ? !kinds.includes('nvlink') : joined.length === 0) {
    if (others.every(({ device, to }) => device.peers[to]))
      return { class: 'pcie', reason: 'GPUs reach each other over PCIe.' };
    return { class: 'unknown', reason: "only some GPUs reach each other's memory, over PCIe." };
  }
  const pairs = seen?.links.every(
    (row) => row.filter((link) => link?.kind === 'nvlink').length === 1,
  );
  if (pairs)
    return {
      class: 'nvlink-bridge',
      reason: 'GPUs are joined in pairs; larger groups go over PCIe, which plans must say.',
    };
  return { class: 'unknown', reason: 'NVLink joins some GPUs and not others.' };
}
