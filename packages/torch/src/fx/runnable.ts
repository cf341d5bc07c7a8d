import { dtypeFromTorch } from '@arfuse/contract';
import type { FxContext } from './program.ts';
import { type FxGraph, readReadable } from './readable.ts';

const STORAGE = /^\s*(\w+) = reader\.storage\(([^\n]*)\)/;
const TENSOR = /^\s*reader\.tensor\((\w+), \(([^)]*)\)(?:, \(([^)]*)\))?([^\n]*)\)\s*#\s*(\w+)/;
const SYMINT = /^\s*reader\.symint\((-?\d+)\)\s*#\s*(\w+)/;

const dims = (list: string): string =>
  list
    .split(',')
    .map((dim) => dim.trim())
    .filter((dim) => dim !== '')
    .join(', ');

/** Annotations of the inputs, from the calls of `load_args`. The sizes are those of the recorded example. */
export function loadArgsTypes(text: string): Map<string, string> {
  const types = new Map<string, string>();
  const storages = new Map<string, { device: string; dtype: string | undefined }>();
  const start = text.indexOf('def load_args(');
  for (const line of start < 0 ? [] : text.slice(start).split('\n')) {
    const storage = STORAGE.exec(line);
    if (storage) {
      const device = /device\(type='(\w+)'(?:, index=(\d+))?\)/.exec(storage[2]!);
      storages.set(storage[1]!, {
        device: device
          ? device[2] === undefined
            ? device[1]!
            : `${device[1]}:${device[2]}`
          : 'cpu',
        dtype: /dtype_hint=torch\.(\w+)/.exec(storage[2]!)?.[1],
      });
      continue;
    }
    const tensor = TENSOR.exec(line);
    if (tensor) {
      const [, buffer, shape, strides, rest, name] = tensor;
      const source = storages.get(buffer!);
      const dtype = dtypeFromTorch(
        /dtype=torch\.(\w+)/.exec(rest!)?.[1] ?? source?.dtype ?? 'float32',
      );
      if (dtype)
        types.set(
          name!,
          `${dtype}[${dims(shape!)}]${strides === undefined ? '' : `[${dims(strides)}]`}${source?.device ?? ''}`,
        );
      continue;
    }
    const symint = SYMINT.exec(line);
    if (symint) types.set(symint[2]!, `Sym(${symint[1]})`);
  }
  return types;
}

/** Reads a repro script (`fx_graph_runnable`, minifier): the class `Repro`, with types from `load_args`. */
export function readRunnable(context: FxContext): FxGraph[] {
  return readReadable(
    { ...context, inputTypes: loadArgsTypes(context.source.text) },
    'fx-runnable',
  );
}
