import type { ValueType } from '@arfuse/graph';
import type { JsonValue } from '../json/parse-json.ts';
import { quote } from '../quote.ts';
import { nameOf } from './arguments.ts';
import { readUnion, type Scope } from './scope.ts';

/** A value that an input or a node defines. */
export interface Definition {
  readonly name: string;
  readonly type: ValueType | null;
}

/** The values that an `Argument` in defining position names. Constants and None take a slot without a value. */
export function definedBy(scope: Scope, value: JsonValue | undefined): (Definition | null)[] {
  const { reader } = scope;
  const { tag, value: inner } = readUnion(reader, value, 'an argument');
  const named = (item: JsonValue | undefined) => {
    const name = nameOf(reader, item);
    return { name, type: scope.tensorType(name) };
  };
  const scalar = (kind: 'int' | 'float' | 'bool') => {
    const union = readUnion(reader, inner, `a symbolic ${kind}`);
    if (union.tag !== 'as_name') return null;
    const name = reader.string(union.value, 'the name of a symbolic scalar');
    return { name, type: scope.symType(kind, name) };
  };
  switch (tag) {
    case 'as_tensor':
      return [named(inner)];
    case 'as_tensors':
      return reader.each(inner, 'a list of tensors', named);
    case 'as_nested_tensors':
      return reader
        .each(inner, 'a list of lists', (items) => reader.each(items, 'a list of tensors', named))
        .flat();
    case 'as_optional_tensor':
      return definedBy(scope, inner);
    case 'as_optional_tensors':
      return reader.each(inner, 'a list of tensors', (item) => definedBy(scope, item)).flat();
    case 'as_sym_int':
      return [scalar('int')];
    case 'as_sym_float':
      return [scalar('float')];
    case 'as_sym_bool':
      return [scalar('bool')];
    case 'as_custom_obj': {
      const object = reader.object(inner, 'a custom object');
      const text = typeof object.class_fqn === 'string' ? object.class_fqn : 'custom object';
      return [{ name: nameOf(reader, inner), type: { kind: 'opaque', text } }];
    }
    case 'as_none':
    case 'as_int':
    case 'as_float':
    case 'as_bool':
    case 'as_string':
      return [null];
    default:
      return reader.fail(`an argument of kind ${quote(tag)} cannot define a value.`);
  }
}
