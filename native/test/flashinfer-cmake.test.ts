import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const script = fileURLToPath(new URL('../cmake/flashinfer.cmake', import.meta.url));

/** What the script says before it adds anything to a build. */
function said(settings: Readonly<Record<string, string>>): { code: number | null; text: string } {
  const given = {
    CMAKE_CUDA_COMPILER: 'nvcc',
    ARFUSE_FLASHINFER_INCLUDE: '/headers',
    ARFUSE_FLASHINFER_VERSION: '0.7.2.post1',
    ARFUSE_CUDA_ARCHS: '90a-real',
    ...settings,
  };
  const { status, stdout, stderr } = spawnSync(
    'cmake',
    [...Object.entries(given).map(([name, value]) => `-D${name}=${value}`), '-P', script],
    { encoding: 'utf8' },
  );
  return { code: status, text: `${stdout}${stderr}`.replaceAll(/\s+/g, ' ') };
}

const missing = spawnSync('cmake', ['--version']).status !== 0;

describe.skipIf(missing)("a build with FlashInfer's headers", () => {
  it.each(['0.7.1', '0.6.18.post1', '0.6.15'])('refuses %s with the reason', (version) => {
    const { code, text } = said({ ARFUSE_FLASHINFER_VERSION: version });
    expect(code).toBe(1);
    expect(text).toContain(
      `FlashInfer ${version} is too old: before 0.7.2 its kernels can read a stale residual`,
    );
  });

  it('refuses headers of no version', () => {
    const { code, text } = said({ ARFUSE_FLASHINFER_VERSION: '' });
    expect(code).toBe(1);
    expect(text).toContain('ARFUSE_FLASHINFER_VERSION is empty');
  });

  it.each(['0.7.2', '0.7.2.post1', '0.8.0'])('takes %s', (version) => {
    // Only then does it look at the architectures.
    const found = said({
      ARFUSE_FLASHINFER_VERSION: version,
      ARFUSE_CUDA_ARCHS: '80-real;89-real',
    });
    expect(found.code).toBe(0);
    expect(found.text).toContain('need one of the architectures 90a, 100f, 120a');
  });

  it('leaves its kernels out of an addon without headers', () => {
    const { code, text } = said({ ARFUSE_FLASHINFER_INCLUDE: '' });
    expect(code).toBe(0);
    expect(text).toContain('no FlashInfer headers');
  });
});
