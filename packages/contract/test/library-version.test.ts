import { describe, expect, it } from 'vitest';
import { isLibraryVersion, libraryVersionAtLeast } from '../src/index.ts';

describe('library versions', () => {
  it.each([
    ['0.7.2.post1', '0.7.2', true],
    ['0.7.2', '0.7.2.post1', false],
    ['0.7.2.post1', '0.7.2.post1', true],
    ['0.7.10', '0.7.9', true],
    ['0.6.18rc7', '0.6.18', false],
    ['0.6.18', '0.6.18rc7', true],
    ['2.27', '2.27.0', true],
    ['2.28.9', '2.27', true],
    ['2.26.9', '2.27', false],
    ['new', '1.0', false],
  ])('%s is at least %s: %s', (version, floor, expected) => {
    expect(libraryVersionAtLeast(version, floor)).toBe(expected);
  });

  it('knows what a version is', () => {
    expect(['2.28.9', '13', '0.7.2.post1', '1.0.dev3'].every(isLibraryVersion)).toBe(true);
    expect(['', 'v2', '2.', '2.x', '2..1'].some(isLibraryVersion)).toBe(false);
  });
});
