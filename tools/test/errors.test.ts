import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as contract from '@arfuse/contract';
import { describe, expect, it } from 'vitest';
import { repositoryRoot } from '../src/lib/root.mjs';

/** Every class of errors that the contract exports, with its code. */
const classes = Object.entries(contract).flatMap(([name, value]) => {
  if (typeof value !== 'function' || !(value.prototype instanceof contract.ArfuseError)) return [];
  const Class = value as unknown as new (options: { message: string }) => contract.ArfuseError;
  return [[name, new Class({ message: 'x' }).code] as const];
});

const page = readFileSync(join(repositoryRoot, 'docs/errors.md'), 'utf8');

/** Rows `| code | class | cause | remedy |`. */
const rows = [...page.matchAll(/^\| `(ARFUSE_\w+)` \| `(\w+)` \| (.+?) \| (.+?) \|$/gm)].map(
  ([, code = '', name = '', cause = '', remedy = '']) => ({ code, name, cause, remedy }),
);

describe('docs/errors.md', () => {
  it('has every error of the contract, and no other', () => {
    expect(classes.length).toBeGreaterThan(15);
    expect(rows.map(({ name, code }) => [name, code]).sort()).toEqual([...classes].sort());
  });

  it('gives each a cause and a remedy', () => {
    for (const { cause, remedy } of rows) {
      expect(cause.length).toBeGreaterThan(20);
      expect(remedy.length).toBeGreaterThan(15);
    }
  });

  it('has the exit codes of the command line', async () => {
    const source = readFileSync(
      join(repositoryRoot, 'packages/cli/src/system/exit-code.ts'),
      'utf8',
    );
    const codes = [...source.matchAll(/^ {2}\w+: (\d+),$/gm)].map((match) => match[1]);
    const told = [...page.matchAll(/^\| (\d+) \|/gm)].map((match) => match[1]);
    expect(told).toEqual(codes);
  });
});
