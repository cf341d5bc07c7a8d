import { dtypeToTorch } from '@arfuse/contract';
import { type Arg, printDim, type ValueId, type ValueType } from '@arfuse/graph';
import { qualifiedNameOfOp } from './op-name.ts';

/** A float as Python's `repr` writes it, up to the form of the exponent. */
export function printFloat(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  const text = Object.is(value, -0) ? '-0' : String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

function printString(value: string): string {
  const escaped = JSON.stringify(value).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'");
  return `'${escaped}'`;
}

function printDevice(device: string): string {
  const [type, index] = device.split(':');
  return index === undefined ? `device(type='${type}')` : `device(type='${type}', index=${index})`;
}

/** An argument as Python text; `name` gives the names of values. */
export function printArg(arg: Arg, name: (id: ValueId) => string): string {
  const print = (item: Arg): string => printArg(item, name);
  switch (arg.kind) {
    case 'value':
      return name(arg.id);
    case 'int':
      return arg.value.toString();
    case 'float':
      return printFloat(arg.value);
    case 'bool':
      return arg.value ? 'True' : 'False';
    case 'string':
      return printString(arg.value);
    case 'none':
      return 'None';
    case 'ellipsis':
      return 'Ellipsis';
    case 'dtype':
      return `torch.${dtypeToTorch(arg.value)}`;
    case 'device':
      return printDevice(arg.value);
    case 'enum':
      return arg.type === 'layout' || arg.type === 'memory_format'
        ? `torch.${arg.value}`
        : `${arg.type}.${arg.value}`;
    case 'list':
      return `[${arg.items.map(print).join(', ')}]`;
    case 'tuple':
      return `(${arg.items.map(print).join(', ')}${arg.items.length === 1 ? ',' : ''})`;
    case 'dict':
      return `{${arg.entries.map(([key, value]) => `${print(key)}: ${print(value)}`).join(', ')}}`;
    case 'slice':
      return `slice(${print(arg.start)}, ${print(arg.stop)}, ${print(arg.step)})`;
    case 'op':
      return qualifiedNameOfOp(arg.name);
    case 'dim':
      return printDim(arg.dim);
    case 'graph':
      return `self.${arg.name}`;
    case 'complex':
      return `complex(${printFloat(arg.re)}, ${printFloat(arg.im)})`;
    case 'raw':
      return arg.text;
  }
}

/** The annotation of a type; undefined when there is nothing to say. */
export function printType(type: ValueType | null): string | undefined {
  switch (type?.kind) {
    case 'tensor': {
      if (type.wrapper !== undefined) return type.wrapper;
      const dims = (list: typeof type.shape): string => `[${list.map(printDim).join(', ')}]`;
      return `${type.dtype}${dims(type.shape)}${type.strides ? dims(type.strides) : ''}${type.device ?? ''}`;
    }
    case 'sym':
      return `Sym(${printDim(type.expr)})`;
    case 'opaque':
      return type.text;
    default:
      return undefined;
  }
}
