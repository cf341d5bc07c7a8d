import type { Arg } from '@arfuse/graph';

/** Adds an own property, also for keys such as `__proto__`. */
export function setOwn(record: Record<string, Arg>, key: string, value: Arg): void {
  if (key === '__proto__')
    Object.defineProperty(record, key, {
      value,
      enumerable: true,
      writable: true,
      configurable: true,
    });
  else record[key] = value;
}
