import {
  canonicalJson,
  type Evidence,
  type EvidenceKind,
  itemsize,
  type LaunchMode,
  type ThresholdTable,
} from '@arfuse/contract';
import {
  BUILT_IN_TABLES,
  createEvidence,
  type EvidenceContext,
  type EvidenceLookup,
  parseTable,
  TABLE_EVIDENCE,
} from '@arfuse/thresholds';
import type { EvidenceScope, EvidenceSource, KernelList } from './evidence-source.ts';

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function contextOf({ site, target, group }: EvidenceScope, mode: LaunchMode): EvidenceContext {
  return {
    pattern: site.pattern,
    hidden: site.hidden,
    itemsize: itemsize(site.dtype),
    dtype: site.dtype,
    mode,
    groupSize: group.size,
    nodes: group.nodes,
    sku: target.sku,
    capability: target.capability,
    interconnect: target.interconnect,
    multicast: target.multicast,
  };
}

/**
 * Kernel lists of measured rows for a class: rows of its own pattern as they are, and rows of a plain all-reduce with
 * arfuse's own norm after them.
 */
function measuredLists(
  tables: readonly ThresholdTable[],
  { site, target, group }: EvidenceScope,
): KernelList[] {
  const found = new Map<string, KernelList>();
  const [first, ...rest] = site.stages.map((stage) => stage.kind);
  for (const table of tables) {
    if (table.kind !== 'measured') continue;
    for (const { key, kernels } of table.rows) {
      if (
        key.groupSize !== group.size ||
        key.nodes !== group.nodes ||
        key.capability !== target.capability
      )
        continue;
      const own = key.pattern === site.pattern;
      const reduced =
        key.pattern === 'all_reduce' && first === 'all_reduce' && kernels.length === 1 && !own;
      if (!own && !reduced) continue;
      const list: KernelList = own
        ? { kernels }
        : { kernels: [...kernels, '@arfuse/native/norm'], covers: [['all_reduce'], rest] };
      found.set(list.kernels.join(' + '), list);
    }
  }
  return [...found].sort(([a], [b]) => byText(a, b)).map(([, list]) => list);
}

const listKeys = new WeakMap<KernelList, string>();

function listKey(list: KernelList): string {
  let key = listKeys.get(list);
  if (key === undefined) {
    key = canonicalJson([list.kernels, list.covers ?? null]);
    listKeys.set(list, key);
  }
  return key;
}

const bitsOf = new WeakMap<readonly EvidenceKind[], number>();

/** A set of kinds as a number. */
function kindBits(kinds: readonly EvidenceKind[]): number {
  let bits = bitsOf.get(kinds);
  if (bits === undefined) {
    bits = 0;
    for (let i = 0; i < TABLE_EVIDENCE.length; i += 1)
      if (kinds.includes(TABLE_EVIDENCE[i]!)) bits += 2 ** i;
    bitsOf.set(kinds, bits);
  }
  return bits;
}

/** Answers that are kept at most; one class of a plan asks about a thousand times. */
const MAX_ANSWERS = 100_000;

/** Answers by kernels, then by token count and a bit per kind. */
type Answers = Map<string, Map<number, Evidence | undefined>>;

/** What is known of one context; edges are by the largest token count. */
interface Known {
  readonly context: EvidenceContext;
  readonly answers: Answers;
  readonly edges: Map<number, readonly number[]>;
}

class TableEvidence implements EvidenceSource {
  readonly tables: EvidenceSource['tables'];
  readonly #all: readonly ThresholdTable[];
  readonly #lookup: EvidenceLookup;
  readonly #known = new Map<string, Known>();
  #scopes = new WeakMap<EvidenceScope, Partial<Record<LaunchMode, Known>>>();
  #count = 0;

  constructor(all: readonly ThresholdTable[]) {
    this.#all = all;
    this.#lookup = createEvidence(all);
    this.tables = all
      .map(({ name, version }) => ({ name, version }))
      .sort((a, b) => byText(a.name, b.name) || byText(a.version, b.version));
  }

  /** Classes of equal context share their answers, also from one plan to the next. */
  #answersFor(scope: EvidenceScope, mode: LaunchMode): Known {
    let modes = this.#scopes.get(scope);
    if (!modes) {
      modes = {};
      this.#scopes.set(scope, modes);
    }
    let found = modes[mode];
    if (!found) {
      const context = contextOf(scope, mode);
      const key = canonicalJson(context);
      found = this.#known.get(key) ?? { context, answers: new Map(), edges: new Map() };
      this.#known.set(key, found);
      modes[mode] = found;
    }
    return found;
  }

  find: EvidenceSource['find'] = (scope, list, { tokens, mode }, kinds) => {
    const { context, answers } = this.#answersFor(scope, mode);
    const { kernels, covers } = list;
    const key = listKey(list);
    let perList = answers.get(key);
    if (!perList) {
      perList = new Map();
      answers.set(key, perList);
    }
    const point = tokens * 2 ** TABLE_EVIDENCE.length + kindBits(kinds);
    const answered = perList.get(point);
    if (answered !== undefined || perList.has(point)) return answered;
    if (this.#count >= MAX_ANSWERS) {
      this.#known.clear();
      this.#scopes = new WeakMap();
      this.#count = 0;
    }
    const found = this.#lookup.find(
      { ...context, kernels, ...(covers ? { covers } : {}), tokens },
      kinds,
    );
    perList.set(point, found);
    this.#count += 1;
    return found;
  };

  edges: EvidenceSource['edges'] = (scope, mode) => {
    const { context, edges } = this.#answersFor(scope, mode);
    const { max } = scope.target.tokens;
    let found = edges.get(max);
    if (!found) {
      found = this.#lookup.edges(context, max);
      edges.set(max, found);
    }
    return found;
  };

  measured: EvidenceSource['measured'] = (scope) => measuredLists(this.#all, scope);
}

let latest:
  | { readonly given: readonly ThresholdTable[]; readonly source: EvidenceSource }
  | undefined;

/**
 * Evidence from the built-in tables and the given ones, which come first. The last source is kept, since plans are often
 * made one after the other from the same tables.
 * @throws TableError, SpecificationVersionError
 */
export function tableEvidence(given: readonly ThresholdTable[]): EvidenceSource {
  if (
    latest &&
    latest.given.length === given.length &&
    latest.given.every((table, i) => table === given[i])
  ) {
    return latest.source;
  }
  const own = [...given]
    .map((table) => parseTable(table))
    .sort((a, b) => byText(a.name, b.name) || byText(a.version, b.version));
  const names = new Set(own.map(({ name }) => name));
  const source = new TableEvidence([
    ...own,
    ...BUILT_IN_TABLES.filter(({ name }) => !names.has(name)),
  ]);
  latest = { given: [...given], source };
  return source;
}
