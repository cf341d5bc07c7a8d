import { type Arg, dimEquals, type ValueType, valueArg } from '@arfuse/graph';
import { quote } from '../quote.ts';
import { UnreadableExpression } from './expression.ts';
import { type Parameter, readParameters } from './parameters.ts';
import type { FxProgram } from './program.ts';
import type { Scope } from './scope.ts';
import { formatError, TRUNCATED } from './source.ts';
import type { FunctionText } from './structure.ts';

/** A caller's value and what it is bound to are the same tensor: a missing type is filled in, symbols are equal. */
export function unify(program: FxProgram, given: Arg, type: ValueType | null): void {
  if (type === null || given.kind !== 'value') return;
  const { builder } = program;
  const known = builder.typeOf(given.id);
  if (known === null) builder.setType(given.id, type);
  else if (known === type) return;
  else if (known.kind === 'sym' && type.kind === 'sym') {
    if (!dimEquals(known.expr, type.expr)) builder.equal(known.expr, type.expr);
  } else if (
    known.kind === 'tensor' &&
    type.kind === 'tensor' &&
    known.shape.length === type.shape.length
  ) {
    known.shape.forEach((dim, axis) => {
      const other = type.shape[axis]!;
      if (!dimEquals(dim, other)) builder.equal(dim, other);
    });
  }
}

/** Binds the parameters of a function: to graph inputs for the outermost one, to the caller's values otherwise. */
export class BodyInputs {
  readonly #program: FxProgram;
  readonly #scope: Scope;
  readonly #parameters: readonly Parameter[];
  readonly #given: readonly Arg[] | undefined;
  readonly #path: string;
  readonly #fn: FunctionText;
  readonly #bareTypes = new Map<string, string>();
  #byName: ReadonlyMap<string, Parameter> | undefined;
  #bound = false;
  #unpacked = 0;

  /** @param given - what the caller passes; undefined for the outermost function */
  constructor(
    program: FxProgram,
    scope: Scope,
    fn: FunctionText,
    path: string,
    given: readonly Arg[] | undefined,
  ) {
    this.#program = program;
    this.#scope = scope;
    this.#parameters = readParameters(program.context.source, fn);
    this.#given = given;
    this.#path = path;
    this.#fn = fn;
  }

  get bound(): boolean {
    return this.#bound;
  }

  /** The type of an input, from a line of annotations without values. */
  annotate(name: string, annotation: string): void {
    this.#bareTypes.set(name, annotation);
  }

  /** Parameters become inputs with the first statement, unless that statement unpacks them. */
  bindParameters(): void {
    if (this.#bound) return;
    this.#bound = true;
    if (this.#unpacked > 0) return;
    if (this.#given && this.#given.length > this.#parameters.length)
      this.#refuseCall(this.#parameters.at(-1)?.at);
    this.#parameters.forEach((parameter, index) => {
      const { name, at } = parameter;
      this.#bind(name, this.#annotationOf(name, parameter), at, index);
    });
  }

  /** The targets of `tree_flatten_spec` are the inputs. */
  unpack(names: readonly { readonly name: string; readonly at: number }[]): void {
    if (this.#bound) throw new UnreadableExpression();
    this.#bound = true;
    names.forEach(({ name, at }, index) => {
      this.#bind(name, this.#annotationOf(name), at, index);
    });
  }

  /** The next input of boxed code (`x = next(args_iter)`). */
  next(name: string, annotation: string | undefined, at: number): void {
    this.#bind(name, annotation ?? this.#annotationOf(name), at, this.#unpacked);
    this.#unpacked += 1;
  }

  #annotationOf(name: string, parameter?: Parameter): string | undefined {
    if (!parameter && !this.#byName) {
      this.#byName = new Map(this.#parameters.map((item) => [item.name, item]));
    }
    return (
      this.#bareTypes.get(name) ??
      (parameter ?? this.#byName?.get(name))?.annotation ??
      (this.#given ? undefined : this.#program.context.inputTypes?.get(name))
    );
  }

  #bind(name: string, annotation: string | undefined, at: number, index: number): void {
    const type = annotation === undefined ? null : this.#program.annotations.read(annotation);
    if (!this.#given) {
      this.#scope.bind(name, valueArg(this.#program.input(name, type, at)));
      return;
    }
    const given = this.#given[index];
    if (given === undefined) {
      this.#refuseCall(at);
    }
    unify(this.#program, given, type);
    this.#scope.bind(name, given);
  }

  #refuseCall(at: number | undefined): never {
    return formatError(
      this.#program.context.source,
      at ?? this.#fn.at,
      `${quote(this.#path)} takes ${this.#parameters.length} arguments, but is called with ${this.#given?.length ?? 0}.`,
      TRUNCATED,
    );
  }
}
