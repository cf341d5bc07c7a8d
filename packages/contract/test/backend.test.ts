import {
  ArfuseError,
  admission,
  type Backend,
  BackendError,
  checkBackend,
  type Kernel,
  SpecificationVersionError,
  splitKernelId,
} from '@arfuse/contract';
import { describe, expect, it } from 'vitest';

const kernel: Kernel = {
  id: '@acme/fast/one',
  title: 'one',
  collective: true,
  complexity: 3,
  admit: () => admission([]),
  offer: () => ({ params: {}, numerics: {} }),
  workspace: () => ({ bytes: 0 }),
};
const backend: Backend = {
  specificationVersion: 1,
  name: '@acme/fast',
  version: '1.0.0',
  kernels: [kernel],
};

const broken = (change: Record<string, unknown>): Backend =>
  ({ ...backend, ...change }) as unknown as Backend;

describe('checkBackend', () => {
  it('accepts a backend of version 1', () => {
    expect(() => checkBackend(backend)).not.toThrow();
  });

  it.each([
    [{ name: 'Not A Name' }, /no npm package name/],
    [{ kernels: [] }, /no kernels/],
    [{ kernels: [{ ...kernel, id: '@other/x/one' }] }, /must be "@acme\/fast\/<kernel>"/],
    [{ kernels: [kernel, kernel] }, /occurs twice/],
    [{ kernels: [{ ...kernel, admit: undefined }] }, /has no admit\(\)/],
    [{ kernels: [{ ...kernel, complexity: -1 }] }, /complexity -1/],
  ])('refuses %j by name', (change, message) => {
    expect(() => checkBackend(broken(change))).toThrow(BackendError);
    expect(() => checkBackend(broken(change))).toThrow(message);
  });

  it.each([
    [2, /Upgrade @arfuse\/core/],
    [undefined, /Upgrade that package/],
    ['1', /Upgrade that package/],
  ])(
    'refuses specification version %j and says what to upgrade',
    (specificationVersion, message) => {
      expect(() => checkBackend(broken({ specificationVersion }))).toThrow(
        SpecificationVersionError,
      );
      expect(() => checkBackend(broken({ specificationVersion }))).toThrow(message);
    },
  );
});

it('splits kernel ids at the last slash', () => {
  expect(splitKernelId('@acme/fast/one')).toEqual({ backend: '@acme/fast', kernel: 'one' });
});

describe('errors', () => {
  const error = new BackendError({
    message: 'x is wrong.',
    hint: 'Mend x.',
    place: { file: 'a.json', pointer: '/x' },
    details: { x: 1 },
  });

  it('name place, fault and way out', () => {
    expect(error.message).toBe('a.json#/x: x is wrong. Mend x.');
    expect(error.toJSON()).toEqual({
      code: 'ARFUSE_BACKEND',
      message: error.message,
      hint: 'Mend x.',
      place: { file: 'a.json', pointer: '/x' },
      details: { x: 1 },
    });
  });

  it('quote the beginning and the end of what is too long to read', () => {
    const long = `${'a'.repeat(100_000)}z`;
    const { message } = new BackendError({
      message: `"${long}" is wrong.`,
      place: { file: 'x', pointer: `/${long}` },
    });
    expect(message.length).toBeLessThan(2000);
    expect(message).toMatch(/^x#\/a+…a+z: "a+…a+z" is wrong\.$/);
  });

  it('are recognised across copies of the package', () => {
    const foreign = { [Symbol.for('arfuse.error')]: true, code: 'ARFUSE_X' };
    expect(ArfuseError.isInstance(error)).toBe(true);
    expect(ArfuseError.isInstance(foreign)).toBe(true);
    expect(ArfuseError.isInstance(new Error('x'))).toBe(false);
    expect(ArfuseError.isInstance(null)).toBe(false);
  });
});
