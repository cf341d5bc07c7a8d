import { type Arg, type Graph, type Provenance, valueArg } from '@arfuse/graph';
import { quote } from '../quote.ts';
import { BodyInputs } from './body-inputs.ts';
import {
  COLON,
  COMMA,
  EQUALS,
  HASH,
  isIdentifierPart,
  isIdentifierStart,
  NEWLINE,
  QUOTE,
  SEMICOLON,
  SPACE,
  stringEnd,
} from './characters.ts';
import { Definitions } from './definitions.ts';
import {
  type Binding,
  type Expression,
  type ExpressionHost,
  UnreadableExpression,
} from './expression.ts';
import { logicalLineEnd } from './logical-line.ts';
import { inPlaceOperator } from './op-name.ts';
import type { FxProgram } from './program.ts';
import { namedValues, splitRawStatement } from './raw-statement.ts';
import { Scope } from './scope.ts';
import { excerpt, type FxSource, formatError, limitError, lineOf, TRUNCATED } from './source.ts';
import { StatementCursor } from './statement-cursor.ts';
import { type FunctionText, forwardOf, type ModuleText } from './structure.ts';

type Name = { readonly name: string; readonly at: number };

const AUGMENTED = /(?:\+|-|\*\*?|\/\/?|%|@|<<|>>|&|\^|\|)=/y;

/** Runs the statements of one `forward`, and of the sub-modules that it calls, into a graph. */
export class BodyReader implements ExpressionHost {
  readonly #program: FxProgram;
  readonly #source: FxSource;
  readonly #module: ModuleText;
  readonly #fn: FunctionText;
  /** Path of the module from the root, '' for the root. */
  readonly #path: string;
  readonly #scope = new Scope();
  readonly #inputs: BodyInputs;
  readonly #cursor: StatementCursor;
  readonly #definitions: Definitions;
  /** Index of the current line in the text. */
  #line: number;
  #stack: string | undefined;

  constructor(
    program: FxProgram,
    module: ModuleText,
    path: string,
    depth: number,
    given?: readonly Arg[],
  ) {
    const owner = forwardOf(module);
    const { source, limits } = program.context;
    if (!owner?.forward)
      formatError(
        source,
        module.at,
        `the class ${quote(module.name)} has no "forward".`,
        TRUNCATED,
      );
    if (depth > limits.maxDepth) {
      limitError(
        source,
        module.at,
        `sub-modules call each other deeper than ${limits.maxDepth} levels.`,
        'maxDepth',
      );
    }
    this.#program = program;
    this.#source = source;
    this.#module = owner;
    this.#fn = owner.forward;
    this.#path = path;
    this.#line = owner.forward.body.line;
    this.#inputs = new BodyInputs(program, this.#scope, owner.forward, path, given);
    this.#cursor = new StatementCursor(source, owner.forward.end, this, limits.maxDepth);
    this.#definitions = new Definitions({
      program,
      module: owner,
      path,
      cursor: this.#cursor,
      where: () => this.#provenance(),
      inline: (child, childPath, args) => {
        const body = new BodyReader(program, child, childPath, depth + 1, args);
        program.countInlined(body.length, child.at);
        return body.run();
      },
      read: (name, child) => readModule(program.fork(name), child),
    });
  }

  /** Length of the body, characters. */
  get length(): number {
    return this.#fn.end - this.#fn.at;
  }

  /** Reads the body and gives what it returns. */
  run(): Arg {
    const { text } = this.#source;
    const { end } = this.#fn;
    let at = this.#fn.body.at;
    let result: Arg | undefined;
    while (at < end) {
      const code = text.charCodeAt(at);
      if (code === SPACE || code === 0x0d || code === 0x09) at += 1;
      else if (code === NEWLINE) {
        at += 1;
        this.#line += 1;
      } else if (code === HASH) {
        const next = this.#cursor.lineEnd(at);
        this.#comment(at, next);
        at = next;
      } else if (code === QUOTE && text.startsWith('"""', at)) {
        // Metadata blocks of FX_GRAPH_SHOW_META.
        const next = stringEnd(text, at);
        if (next < 0) formatError(this.#source, at, 'the string """ does not end.', TRUNCATED);
        this.#countLines(at, next);
        at = next;
      } else if (result) {
        const found = excerpt(text, at);
        formatError(this.#source, at, `a statement follows "return": ${found}`, TRUNCATED);
      } else if (text.startsWith('return', at) && !isIdentifierPart(text.charCodeAt(at + 6))) {
        result = this.#return(at);
        at = this.#cursor.at;
      } else at = this.#statement(at);
    }
    this.#inputs.bindParameters();
    return result ?? { kind: 'tuple', items: [] };
  }

  // Names, for expressions.

  lookup(name: string): Binding | undefined {
    return this.#scope.get(name);
  }

  freedAt(name: string): number | undefined {
    return this.#scope.freedAt(name);
  }

  free(name: string): Arg | undefined {
    if (/^(?:s|u|zf|zuf)\d+$/.test(name) || this.#program.builder.hasSymbol(name)) {
      const dim = this.#program.annotations.dim(name);
      if (dim !== undefined) return { kind: 'dim', dim };
    }
    return this.#program.context.globals.has(name) ? { kind: 'raw', text: name } : undefined;
  }

  emit(expression: Exclude<Expression, Arg>, at: number): Arg {
    const binding = this.#definitions.define({ name: '', at }, expression);
    return binding.kind === 'results'
      ? valueArg(this.#program.builder.result(binding.node))
      : binding;
  }

  // Statements.

  #countLines(from: number, to: number): void {
    const { text } = this.#source;
    for (let at = text.indexOf('\n', from); at >= 0 && at < to; at = text.indexOf('\n', at + 1))
      this.#line += 1;
  }

  #comment(at: number, end: number): void {
    if (this.#program.context.redact) return;
    const comment = this.#source.text.slice(at + 1, end).trim();
    this.#stack = comment.startsWith('No stacktrace found') || comment === '' ? undefined : comment;
  }

  /** One statement; returns the offset of its line end. */
  #statement(at: number): number {
    const cursor = this.#cursor;
    cursor.lines = 0;
    try {
      cursor.seek(at);
      this.#simple(at);
      cursor.refuseUndefined();
      this.#line += cursor.lines;
      return cursor.at;
    } catch (error) {
      if (!(error instanceof UnreadableExpression)) throw error;
    }
    const end = logicalLineEnd(this.#source, at, this.#fn.end);
    this.#raw(at, end);
    this.#countLines(at, end);
    return end;
  }

  #simple(at: number): void {
    const cursor = this.#cursor;
    const name = isIdentifierStart(cursor.code()) ? cursor.identifier() : '';
    cursor.spaces();
    const code = name === '' ? undefined : cursor.code();
    if (code === COLON) {
      cursor.at += 1;
      const annotation = cursor.annotation();
      if (cursor.code() === EQUALS) this.#assign(name, annotation, at);
      else this.#bareAnnotations(name, annotation);
    } else if (code === EQUALS && this.#source.text.charCodeAt(cursor.at + 1) !== EQUALS) {
      this.#assign(name, undefined, at);
    } else if (code === COMMA) this.#tupleTargets(at);
    else if (name === 'pass' && cursor.atEnd()) this.#inputs.bindParameters();
    else {
      cursor.at = at;
      this.#expressionStatement(at);
    }
  }

  /** `x: "…"; y: "…";`: types of inputs that a pytree is unpacked into. */
  #bareAnnotations(first: string, annotation: string): void {
    const cursor = this.#cursor;
    if (this.#inputs.bound) throw new UnreadableExpression();
    this.#inputs.annotate(first, annotation);
    while (!cursor.atEnd()) {
      if (cursor.code() !== SEMICOLON) throw new UnreadableExpression();
      cursor.at += 1;
      if (cursor.atEnd()) return;
      const name = cursor.identifier();
      cursor.spaces();
      if (name === '' || cursor.code() !== COLON) throw new UnreadableExpression();
      cursor.at += 1;
      this.#inputs.annotate(name, cursor.annotation());
    }
  }

  #assign(name: string, annotation: string | undefined, at: number): void {
    const cursor = this.#cursor;
    cursor.skip();
    if (!this.#inputs.bound && this.#boxedInput(name, annotation, at)) return;
    this.#inputs.bindParameters();
    const expression = cursor.expression();
    const freed = cursor.frees();
    const type = annotation === undefined ? undefined : this.#program.annotations.read(annotation);
    const old = this.#scope.get(name);
    if (old !== undefined && old !== expression) this.#duplicate(name, at);
    this.#scope.bind(
      name,
      this.#definitions.define(
        { name, at, type, dropped: freed?.includes(name) ?? false },
        expression,
      ),
    );
    this.#release(freed);
  }

  /** `args_iter = iter(args_list)` and `x = next(args_iter)` of boxed code. */
  #boxedInput(name: string, annotation: string | undefined, at: number): boolean {
    const cursor = this.#cursor;
    const next = cursor.text.startsWith('next(args_iter)', cursor.at);
    if (!next && !cursor.text.startsWith('iter(args_list)', cursor.at)) return false;
    cursor.at += 15;
    if (next) this.#inputs.next(name, annotation, at);
    return cursor.atEnd();
  }

  #duplicate(name: string, at: number): never {
    return formatError(
      this.#source,
      at,
      `the name ${quote(name)} is defined twice while its first value is still in use.`,
      'Every value of a graph has one definition; the file is damaged or two graphs were joined.',
    );
  }

  #release(names: readonly string[] | undefined): void {
    if (!names) return;
    const line = lineOf(this.#source, this.#line);
    for (const name of names) this.#scope.free(name, line);
  }

  /** `x[…] = y`, `x += y;  iadd = x`, or a call without a target. */
  #expressionStatement(at: number): void {
    const cursor = this.#cursor;
    const { text } = cursor;
    if (text.startsWith('args_list.clear()', at)) {
      cursor.at = at + 17;
      if (cursor.atEnd()) return;
      cursor.at = at;
    }
    this.#inputs.bindParameters();
    const target = cursor.expression();
    cursor.spaces();
    AUGMENTED.lastIndex = cursor.at;
    const augmented = AUGMENTED.exec(text)?.[0];
    if (augmented !== undefined) {
      cursor.at += augmented.length;
      this.#inPlace(inPlaceOperator(augmented.slice(0, -1))!, [cursor.toArg(target, at)], at);
    } else if (
      cursor.code() === EQUALS &&
      target.kind === 'call' &&
      target.op === 'operator.getitem'
    ) {
      cursor.at += 1;
      this.#inPlace('operator.setitem', target.args, at);
    } else {
      const freed = cursor.frees();
      if (target.kind !== 'call' && target.kind !== 'module') throw new UnreadableExpression();
      this.#definitions.define({ name: '', at, dropped: true }, target);
      this.#release(freed);
    }
  }

  /** The rest of an in-place statement: operand, and `;  NAME = target`, which names the result. */
  #inPlace(op: string, operands: readonly Arg[], at: number): void {
    const cursor = this.#cursor;
    cursor.spaces();
    const args = [...operands, cursor.argument()];
    cursor.spaces();
    let name = '';
    let type = args[0]!.kind === 'value' ? this.#program.builder.typeOf(args[0]!.id) : null;
    const resume = cursor.at;
    if (cursor.code() === SEMICOLON) {
      cursor.skip();
      if (cursor.isFreeChain()) cursor.at = resume;
      else {
        name = cursor.identifier();
        cursor.spaces();
        if (cursor.code() === COLON) {
          cursor.at += 1;
          type = this.#program.annotations.read(cursor.annotation());
        }
        if (name === '' || cursor.code() !== EQUALS) throw new UnreadableExpression();
        cursor.skip();
        cursor.argument();
      }
    }
    const freed = cursor.frees();
    if (name !== '' && this.#scope.get(name) !== undefined) this.#duplicate(name, at);
    const item = op === 'operator.setitem';
    const node = this.#definitions.node(
      name || op.slice(9),
      op,
      args,
      undefined,
      item ? { kind: 'none' } : { kind: 'one', type },
      at,
    );
    if (name !== '')
      this.#scope.bind(name, item ? args[0]! : valueArg(this.#program.builder.result(node)));
    this.#release(freed);
  }

  /** `a, b, = tree_flatten_spec(…)` unpacks the inputs; another tuple target takes items. */
  #tupleTargets(at: number): void {
    const cursor = this.#cursor;
    const names: Name[] = [];
    cursor.at = at;
    while (cursor.code() !== EQUALS) {
      const start = cursor.at;
      const name = cursor.identifier();
      if (name === '') throw new UnreadableExpression();
      names.push({ name, at: start });
      cursor.spaces();
      if (cursor.code() === COMMA) cursor.skip();
    }
    cursor.skip();
    if (/^(?:\w+\.)*tree_flatten_spec\(/.test(cursor.text.slice(cursor.at, cursor.at + 80))) {
      const end = logicalLineEnd(this.#source, cursor.at, this.#fn.end);
      this.#inputs.unpack(names);
      this.#countLines(cursor.at, end);
      cursor.at = end;
      return;
    }
    this.#inputs.bindParameters();
    const expression = cursor.expression();
    const freed = cursor.frees();
    const whole = this.#definitions.define({ name: '', at, unpacked: true }, expression);
    names.forEach(({ name, at: start }, index) => {
      if (this.#scope.get(name) !== undefined) this.#duplicate(name, start);
      this.#scope.bind(name, this.#definitions.item(whole, index, { name, at: start }));
    });
    this.#release(freed);
  }

  #return(at: number): Arg {
    const cursor = this.#cursor;
    this.#inputs.bindParameters();
    logicalLineEnd(this.#source, at, this.#fn.end);
    cursor.seek(at + 6);
    // FX prints `return ()` or `return None` for a graph without results.
    if (cursor.atEnd())
      formatError(this.#source, at, '"return" is followed by nothing.', TRUNCATED);
    try {
      const items: Arg[] = [];
      let comma = true;
      while (!cursor.atEnd()) {
        if (!comma) throw new UnreadableExpression();
        items.push(cursor.argument());
        cursor.spaces();
        comma = cursor.code() === COMMA;
        if (comma) cursor.at += 1;
      }
      cursor.refuseUndefined();
      return items.length === 1 && !comma ? items[0]! : { kind: 'tuple', items };
    } catch (error) {
      if (!(error instanceof UnreadableExpression)) throw error;
      return formatError(
        this.#source,
        at,
        `the return statement cannot be read: ${excerpt(this.#source.text, at)}`,
        'It uses a form of expression that FX is not known to print; please report the file.',
      );
    }
  }

  #provenance(): Provenance {
    const provenance: { line: number; path?: string; stack?: string } = {
      line: lineOf(this.#source, this.#line),
    };
    if (this.#path !== '') provenance.path = this.#path;
    if (this.#stack !== undefined) provenance.stack = this.#stack;
    return provenance;
  }

  /** A statement outside the grammar is kept as text; what it names counts as its arguments. */
  #raw(at: number, end: number): void {
    this.#inputs.bindParameters();
    const { name, annotation, freed, text, words } = splitRawStatement(this.#source, at, end);
    const values = namedValues(words, at, this.#scope, this.#program, this.#module);
    if (name !== undefined && this.#scope.get(name) !== undefined) this.#duplicate(name, at);
    const type = annotation === undefined ? null : this.#program.annotations.read(annotation);
    const results =
      name === undefined ? ({ kind: 'none' } as const) : ({ kind: 'one', type } as const);
    const args: Arg[] = [{ kind: 'raw', text }, ...values];
    const node = this.#definitions.node(name ?? 'raw', 'raw', args, undefined, results, at);
    if (name !== undefined) this.#scope.bind(name, valueArg(this.#program.builder.result(node)));
    this.#release(freed);
    this.#program.warn(
      lineOf(this.#source, this.#line),
      `the statement is kept as text, because it is nothing that FX is known to print: ${excerpt(text, 0)}`,
    );
  }
}

/** Reads a module and the sub-modules that it calls as one flat graph. */
export function readModule(program: FxProgram, module: ModuleText): Graph {
  const result = new BodyReader(program, module, '', 1).run();
  return program.finish(
    result.kind === 'tuple' || result.kind === 'list' ? result.items : [result],
  );
}
