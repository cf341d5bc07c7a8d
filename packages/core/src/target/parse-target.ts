import { type Interconnect, type Target, TargetError, type TargetGroup } from '@arfuse/contract';
import { DEFAULT_GRAPH_UP_TO, DEFAULT_MAX_TOKENS, defaultBuckets } from './buckets.ts';
import { checkTarget } from './check-target.ts';
import { suggestion } from './nearest.ts';
import { SKUS } from './skus.ts';

export const TARGET_KEYS: readonly string[] = [
  'sku',
  'world',
  'nodes',
  'tokens',
  'buckets',
  'graph-up-to',
  'capability',
  'interconnect',
  'multicast',
  'engine',
  'flashinfer',
  'nccl',
  'cuda',
];

const EXAMPLE = 'Example: h200-sxm,world=8,tokens=8192,buckets=1:2:4:8,multicast=off.';

function fail(
  message: string,
  hint: string,
  details: Readonly<Record<string, unknown>> = {},
): never {
  throw new TargetError({ message: `target: ${message}`, hint, details });
}

function integer(key: string, text: string, least = 1): number {
  if (!/^\d{1,9}$/.test(text) || Number(text) < least) {
    fail(`${key}=${text} is no token or rank count.`, `Use an integer ≥ ${least}.`, {
      key,
      value: text,
    });
  }
  return Number(text);
}

function decode(key: string, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return fail(
      `"${key}" has a wrong percent escape.`,
      'Write %2C for a comma, %3D for =, %25 for %.',
      { key },
    );
  }
}

/** Splits into members; the only one without `=` is the GPU model. */
function members(text: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const part of text.split(',').map((piece) => piece.trim())) {
    if (part === '') fail(`"${text}" has an empty part.`, EXAMPLE, { target: text });
    const equals = part.indexOf('=');
    const key = equals < 0 ? 'sku' : part.slice(0, equals).trim();
    const value = equals < 0 ? part : part.slice(equals + 1).trim();
    if (!key.startsWith('group.') && !TARGET_KEYS.includes(key)) {
      fail(`"${key}" is no setting.`, `${suggestion(key, TARGET_KEYS, 'settings')} ${EXAMPLE}`, {
        key,
      });
    }
    if (value === '') fail(`${key} has no value.`, EXAMPLE, { key });
    if (found.has(key)) {
      fail(
        key === 'sku'
          ? `two GPU models, "${found.get(key)}" and "${value}".`
          : `${key} is given twice.`,
        key === 'sku'
          ? `Settings are written key=value. ${suggestion(value, TARGET_KEYS, 'settings')}`
          : 'Give it once.',
        { key },
      );
    }
    found.set(key, value);
  }
  return found;
}

function flag(key: string, text: string): boolean {
  if (text === 'on') return true;
  if (text === 'off') return false;
  return fail(`${key}=${text} is neither on nor off.`, 'Write on or off.', { key, value: text });
}

function groupsOf(given: ReadonlyMap<string, string>): Record<string, TargetGroup> {
  const world = given.get('world');
  if (world === undefined) {
    fail(
      'no world size.',
      'Say how many ranks all-reduce together: world=8. Planning never guesses it.',
    );
  }
  const groups: Record<string, TargetGroup> = {
    default: { size: integer('world', world), nodes: integer('nodes', given.get('nodes') ?? '1') },
  };
  for (const [key, value] of given) {
    if (!key.startsWith('group.')) continue;
    const name = decode(key, key.slice('group.'.length));
    if (['', 'default', '__proto__'].includes(name))
      fail(`"${key}" names no group.`, 'Write group.NAME=SIZE, or world=SIZE.', { key });
    const [size, nodes = '1', ...more] = value.split('/');
    if (more.length > 0)
      fail(`${key}=${value} has two slashes.`, 'Write group.NAME=SIZE/NODES.', { key, value });
    groups[name] = { size: integer(key, size!), nodes: integer(key, nodes) };
  }
  return groups;
}

function tokensOf(given: ReadonlyMap<string, string>): Target['tokens'] {
  const max = integer('tokens', given.get('tokens') ?? String(DEFAULT_MAX_TOKENS));
  const listed = given.get('buckets');
  const limit = given.get('graph-up-to');
  const buckets =
    listed === undefined
      ? defaultBuckets(
          Math.min(
            max,
            limit === undefined ? DEFAULT_GRAPH_UP_TO : integer('graph-up-to', limit, 0),
          ),
        )
      : listed === 'none'
        ? []
        : [...new Set(listed.split(':').map((text) => integer('buckets', text)))].sort(
            (a, b) => a - b,
          );
  const graphUpTo = limit === undefined ? (buckets.at(-1) ?? 0) : integer('graph-up-to', limit, 0);
  return { max, buckets, graphUpTo };
}

/**
 * Reads a target such as `h200-sxm,world=2,tokens=8192,buckets=1:2:4:8,multicast=off`, in any order.
 *
 * Settings: a GPU model; `world` (ranks that all-reduce together, required); `nodes`; `group.NAME=SIZE[/NODES]` for
 * groups of another size; `tokens` (largest launch, 8192); `buckets` (token counts that are launched, or `none`);
 * `graph-up-to` (largest captured CUDA graph); `capability` and `interconnect` (the model's own by default);
 * `multicast=on|off` (off); `engine=name@version`; `flashinfer`, `nccl`, `cuda` versions.
 * @throws TargetError
 */
export function parseTarget(text: string): Target {
  if (text.trim() === '') fail('it is empty.', EXAMPLE);
  const given = members(text);
  const sku = given.get('sku');
  if (sku === undefined) fail('no GPU model.', EXAMPLE, { target: text });
  const known = Object.hasOwn(SKUS, sku) ? SKUS[sku] : undefined;
  const capability = given.get('capability');
  const interconnect = given.get('interconnect') ?? known?.interconnect;
  if (!known && (capability === undefined || interconnect === undefined)) {
    fail(
      `GPU model "${sku}" is not known.`,
      `${suggestion(sku, Object.keys(SKUS), 'models')} For another model say capability= and interconnect= as well.`,
      { sku },
    );
  }
  const engine = given.get('engine');
  const libraries: Record<string, string> = {};
  for (const name of ['flashinfer', 'nccl', 'cuda']) {
    const version = given.get(name);
    if (version !== undefined) libraries[name] = version;
  }
  return checkTarget({
    sku,
    capability: capability === undefined ? known!.capability : integer('capability', capability),
    interconnect: interconnect as Interconnect,
    multicast: flag('multicast', given.get('multicast') ?? 'off'),
    groups: groupsOf(given),
    tokens: tokensOf(given),
    ...(engine === undefined ? {} : { engine }),
    libraries,
  });
}
