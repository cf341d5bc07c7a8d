import { dtypeFromTorch } from '@arfuse/contract';
import { type Arg, NONE } from '@arfuse/graph';
import { opOfQualifiedName } from './op-name.ts';

export const TRUE: Arg = { kind: 'bool', value: true };
export const FALSE: Arg = { kind: 'bool', value: false };
export const ELLIPSIS: Arg = { kind: 'ellipsis' };

const ints: Arg[] = [];

/** An integer; small ones are shared. */
export function intArg(value: number | bigint): Arg {
  if (typeof value === 'bigint' || value < 0 || value > 1023) return { kind: 'int', value };
  ints[value] ??= { kind: 'int', value };
  return ints[value];
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  '\\': '\\',
  "'": "'",
  '"': '"',
  '0': '\0',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
  '\n': '',
};

/** The value of a Python string literal without its quotes. */
export function unescapePython(body: string): string {
  if (!body.includes('\\')) return body;
  return body.replace(
    /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([\s\S]))/g,
    (
      all,
      x: string | undefined,
      u: string | undefined,
      big: string | undefined,
      one: string | undefined,
    ) => {
      const code = x ?? u ?? big;
      if (code !== undefined) {
        const point = Number.parseInt(code, 16);
        return point <= 0x10ffff ? String.fromCodePoint(point) : all;
      }
      return one !== undefined && Object.hasOwn(ESCAPES, one) ? ESCAPES[one]! : all;
    },
  );
}

const LAYOUT =
  /^(?:strided|sparse_coo|sparse_csr|sparse_csc|sparse_bsr|sparse_bsc|_mkldnn|jagged)$/;
const MEMORY_FORMAT = /^(?:contiguous_format|channels_last|channels_last_3d|preserve_format)$/;
/** Python and FX names that stand for themselves. */
const BARE: Readonly<Record<string, Arg>> = {
  None: NONE,
  True: TRUE,
  False: FALSE,
  Ellipsis: ELLIPSIS,
  inf: { kind: 'float', value: Number.POSITIVE_INFINITY },
  nan: { kind: 'float', value: Number.NaN },
};
const TYPES = new Set([
  'int',
  'float',
  'bool',
  'str',
  'complex',
  'list',
  'tuple',
  'dict',
  'set',
  'type',
  'object',
  'NoneType',
  'NotImplemented',
]);

const constants = new Map<string, Arg>();

/** The constant that a qualified name means, or undefined for a bare name that means nothing by itself. */
export function constantOf(name: string): Arg | undefined {
  if (Object.hasOwn(BARE, name)) return BARE[name];
  let constant = constants.get(name);
  if (constant === undefined) {
    constant = readConstant(name);
    if (constant === undefined) return undefined;
    constants.set(name, constant);
  }
  return constant;
}

function readConstant(name: string): Arg | undefined {
  if (name.startsWith('torch.ops.') || /^_?operator\./.test(name))
    return { kind: 'op', name: opOfQualifiedName(name) };
  const dot = name.lastIndexOf('.');
  if (dot < 0) return TYPES.has(name) ? { kind: 'raw', text: name } : undefined;
  const last = name.slice(dot + 1);
  if (name.startsWith('torch.') && dot === 5) {
    const dtype = dtypeFromTorch(last);
    if (dtype) return { kind: 'dtype', value: dtype };
    if (LAYOUT.test(last)) return { kind: 'enum', type: 'layout', value: last };
    if (MEMORY_FORMAT.test(last)) return { kind: 'enum', type: 'memory_format', value: last };
    if (last === 'inf' || last === 'nan') return BARE[last];
  }
  if (name === 'math.inf' || name === 'math.nan') return BARE[last];
  const owner = name.slice(0, dot).split('.').at(-1)!;
  // `ReduceOp.SUM` and the like: a class name before the last dot.
  if (/^[A-Z]/.test(owner)) return { kind: 'enum', type: name.slice(0, dot), value: last };
  return { kind: 'op', name };
}

const number = (arg: Arg | undefined): number | undefined =>
  arg?.kind === 'float' || (arg?.kind === 'int' && typeof arg.value === 'number')
    ? Number(arg.value)
    : undefined;
const none = (arg: Arg | undefined): Arg => arg ?? NONE;

function device(args: readonly Arg[], kwargs: Readonly<Record<string, Arg>>): Arg | undefined {
  const type = kwargs.type ?? args[0];
  const index = kwargs.index ?? args[1];
  if (type?.kind !== 'string') return undefined;
  return {
    kind: 'device',
    value: index?.kind === 'int' ? `${type.value}:${index.value}` : type.value,
  };
}

function slice(args: readonly Arg[]): Arg {
  return args.length === 1
    ? { kind: 'slice', start: NONE, stop: args[0]!, step: NONE }
    : { kind: 'slice', start: none(args[0]), stop: none(args[1]), step: none(args[2]) };
}

function float(args: readonly Arg[]): Arg | undefined {
  const [arg] = args;
  if (arg?.kind !== 'string') return undefined;
  const text = arg.value.toLowerCase();
  const value = /^[+]?inf/.test(text)
    ? Number.POSITIVE_INFINITY
    : text.startsWith('-inf')
      ? Number.NEGATIVE_INFINITY
      : text === 'nan'
        ? Number.NaN
        : Number(text);
  return Number.isNaN(value) && text !== 'nan' ? undefined : { kind: 'float', value };
}

function complex(args: readonly Arg[]): Arg | undefined {
  const re = number(args[0]);
  const im = number(args[1]) ?? (args.length === 1 ? 0 : undefined);
  return re === undefined || im === undefined ? undefined : { kind: 'complex', re, im };
}

type Constructor = (args: readonly Arg[], kwargs: Readonly<Record<string, Arg>>) => Arg | undefined;

const list: Constructor = (args) =>
  args[0]?.kind === 'list' || args[0]?.kind === 'tuple'
    ? { kind: 'list', items: args[0].items }
    : undefined;
const first: Constructor = (args) => args[0];

const CONSTRUCTORS: Readonly<Record<string, Constructor>> = {
  device,
  'torch.device': device,
  slice,
  float,
  complex,
  'torch.Size': list,
  Size: list,
  // The output tree of pytree codegen; its specification is not in the text.
  'pytree.tree_unflatten': first,
  'torch.utils._pytree.tree_unflatten': first,
};

/** The constant that a call of a known constructor makes, or undefined when it is a call like any other. */
export function constructed(
  name: string,
  args: readonly Arg[],
  kwargs: Readonly<Record<string, Arg>>,
): Arg | undefined {
  return Object.hasOwn(CONSTRUCTORS, name) ? CONSTRUCTORS[name]!(args, kwargs) : undefined;
}
