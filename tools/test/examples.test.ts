import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { format } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { repositoryRoot } from '../src/lib/root.mjs';

const folder = join(repositoryRoot, 'examples');
const programs = readdirSync(folder).filter((name) => /\.m?[jt]s$/.test(name));

afterEach(() => {
  vi.restoreAllMocks();
});

describe('examples', () => {
  it('are three or more', () => {
    expect(programs.length).toBeGreaterThanOrEqual(3);
  });

  it.each(programs)('%s runs and prints something', async (name) => {
    const printed: string[] = [];
    vi.spyOn(console, 'log').mockImplementation((...args) => {
      printed.push(format(...args));
    });
    await import(/* @vite-ignore */ join(folder, name));
    expect(printed.join('\n').trim()).not.toBe('');
  });
});
