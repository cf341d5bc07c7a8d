import type { Arg, NodeId } from '@arfuse/graph';

/** What an expression is before it has a name. */
export type Expression =
  | Arg
  | {
      readonly kind: 'call';
      readonly op: string;
      readonly args: Arg[];
      readonly kwargs: Readonly<Record<string, Arg>> | undefined;
    }
  /** A call of a sub-module, `self.a.b(…)`. */
  | {
      readonly kind: 'module';
      readonly path: string;
      readonly args: Arg[];
      readonly kwargs: Readonly<Record<string, Arg>> | undefined;
    }
  /** `self.a.b` without a call. */
  | { readonly kind: 'self'; readonly path: string }
  | Results
  | { readonly kind: 'item'; readonly node: NodeId; readonly index: number };

/** A name that stands for all results of a call. */
export interface Results {
  readonly kind: 'results';
  readonly node: NodeId;
}

/** What a name is bound to: a value or a constant, or the results of a call. */
export type Binding = Arg | Results;

/** Names, and a place for calls that stand inside other expressions. */
export interface ExpressionHost {
  lookup(name: string): Binding | undefined;
  /** Meaning of a name that nothing binds: a symbol, or undefined. */
  free(name: string): Arg | undefined;
  /** Makes a value of an expression that needs a node of its own. */
  emit(expression: Exclude<Expression, Arg>, at: number): Arg;
  /** Last line on which an undefined name was freed, for the error. */
  freedAt(name: string): number | undefined;
}

/** The text is balanced, but is not an expression that this grammar knows: the statement is kept as text. */
export class UnreadableExpression extends Error {}
