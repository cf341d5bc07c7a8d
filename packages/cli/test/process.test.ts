import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { LLAMA, TARGET, temporaryFolder } from './cli.ts';

/** `pnpm verify` builds before it tests. */
const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const missing = existsSync(main) ? '' : ` (skipped: ${main} is not built)`;

const arfuse = (...args: string[]) =>
  spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });

describe.skipIf(missing !== '')(`the built program${missing}`, () => {
  it('prints its version, plans, and refuses', () => {
    expect(arfuse('--version')).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
    const planned = arfuse('plan', LLAMA, '--target', TARGET, '--json');
    expect(planned).toMatchObject({ status: 0, stderr: '' });
    expect(JSON.parse(planned.stdout)).toMatchObject({ summary: { allReduces: 64, sites: 64 } });
    expect(arfuse('plan', 'missing', '--target', TARGET)).toMatchObject({
      status: 2,
      stdout: '',
      stderr: 'error ARFUSE_IO: "missing" does not exist. Check the path.\n',
    });
  });

  it('is quiet when its reader leaves', () => {
    const script = `set -o pipefail; "$0" "$@" | head -c 1 > /dev/null`;
    const ran = spawnSync(
      'bash',
      ['-c', script, process.execPath, main, 'plan', LLAMA, '--target', TARGET, '--json'],
      { encoding: 'utf8' },
    );
    expect(ran).toMatchObject({ status: 0, stderr: '' });
  });

  it.each([
    ['reads', ['plan', '-', '--target', TARGET]],
    ['works', ['verify', LLAMA, '--target', TARGET, '--tokens', '4096']],
  ])('ends at once by Ctrl-C while it %s', async (_, args) => {
    const folder = temporaryFolder();
    const child = spawn(process.execPath, [main, ...args], { cwd: folder });
    const ended = new Promise<string | number | null>((resolve) =>
      child.once('exit', (code, signal) => resolve(signal ?? code)),
    );
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const stopped = performance.now();
    child.kill('SIGINT');
    // A shell reports a program that this signal ended as 130.
    expect(await ended).toBe('SIGINT');
    expect(performance.now() - stopped).toBeLessThan(5000);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('plans into a file that is replaced whole, whenever it is stopped', async () => {
    const folder = temporaryFolder();
    for (const after of [150, 250, 300, 350, 400, 450]) {
      const child = spawn(
        process.execPath,
        [main, 'plan', LLAMA, '--target', TARGET, '--out', join(folder, 'plan.json')],
        { stdio: 'ignore' },
      );
      const ended = new Promise((resolve) => child.once('exit', resolve));
      setTimeout(() => child.kill('SIGINT'), after);
      await ended;
      expect(['', 'plan.json']).toContain(readdirSync(folder).join());
      if (existsSync(join(folder, 'plan.json')))
        expect(arfuse('explain', join(folder, 'plan.json')).status).toBe(0);
    }
  });
});
