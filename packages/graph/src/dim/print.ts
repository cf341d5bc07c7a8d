import type { Dim } from './dim.ts';

const SUM = 1;
const PRODUCT = 2;
const POWER = 3;

/** Prints an expression as FX does: `8*s72 + 1`, `(s72//8)`, `Max(1, s72)`, `s70**2`. `parseDim` reads it back. */
export function printDim(dim: Dim): string {
  return print(dim, 0);
}

function print(dim: Dim, outer: number): string {
  if (typeof dim !== 'object') return dim < 0 && outer > SUM ? `(${dim})` : dim.toString();
  switch (dim.op) {
    case 'sym':
      return dim.name;
    case 'float':
      return dim.text;
    case 'add': {
      const text = dim.args.reduce<string>((sum, arg, i) => {
        const term = print(arg, SUM);
        return i === 0
          ? term
          : term.startsWith('-')
            ? `${sum} - ${term.slice(1)}`
            : `${sum} + ${term}`;
      }, '');
      return outer > 0 ? `(${text})` : text;
    }
    case 'mul': {
      const [first, ...rest] = dim.args;
      const text =
        first === -1 && rest.length > 0
          ? `-${rest.map((arg) => print(arg, PRODUCT)).join('*')}`
          : dim.args
              .map((arg, i) =>
                i === 0 && typeof arg !== 'object' ? arg.toString() : print(arg, PRODUCT),
              )
              .join('*');
      return outer > PRODUCT || (outer === PRODUCT && text.startsWith('-')) ? `(${text})` : text;
    }
    case 'pow': {
      const text = `${print(dim.args[0], POWER)}**${print(dim.args[1], POWER)}`;
      return outer >= POWER ? `(${text})` : text;
    }
    case 'floordiv':
      return `(${print(dim.args[0], PRODUCT)}//${print(dim.args[1], POWER)})`;
    case 'mod':
      return `Mod(${dim.args.map((arg) => print(arg, 0)).join(', ')})`;
    case 'min':
      return `Min(${dim.args.map((arg) => print(arg, 0)).join(', ')})`;
    case 'max':
      return `Max(${dim.args.map((arg) => print(arg, 0)).join(', ')})`;
    case 'fn':
      return `${dim.name}(${dim.args.map((arg) => print(arg, 0)).join(', ')})`;
  }
}
