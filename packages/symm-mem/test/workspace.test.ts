import { describe, expect, it } from 'vitest';
import { workspaceBytes } from '../src/workspace.ts';
import { addon } from './addon.ts';

const TENSORS = [
  0,
  16,
  48,
  256,
  4096,
  2 ** 20 + 16,
  3 * 2 ** 21 - 16,
  2 ** 24,
  2 ** 31,
  2 ** 33 + 48,
];

describe.skipIf(!addon)('workspace', () => {
  it('is as large when it is planned as when it is laid out', () => {
    for (const size of [2, 4, 6, 8])
      for (const oneShotBytes of TENSORS)
        for (const twoShotBytes of TENSORS) {
          const room = { size, oneShotBytes, twoShotBytes };
          expect(workspaceBytes(room), JSON.stringify(room)).toBe(
            addon!.exchange.layout(room).bytes,
          );
        }
  });
});
