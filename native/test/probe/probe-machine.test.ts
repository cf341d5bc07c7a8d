import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'tsup';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { probeMachine } from '../../src/index.ts';
import { brokenLibrary } from './elf.ts';

/** Within the package, which the child looks up by name. */
const builds = fileURLToPath(new URL('../../build/', import.meta.url));
mkdirSync(builds, { recursive: true });
const folder = mkdtempSync(join(builds, 'probe-test-'));
const child = join(folder, 'child.mjs');

/** The child is a program: Node 20 runs no TypeScript. */
beforeAll(async () => {
  await build({
    config: false,
    entry: { child: fileURLToPath(new URL('../../src/probe/child.ts', import.meta.url)) },
    outDir: folder,
    outExtension: () => ({ js: '.mjs' }),
    format: 'esm',
    target: 'node20',
    noExternal: [/^@arfuse\/contract/],
    silent: true,
    esbuildOptions(options) {
      options.conditions = ['@arfuse/source'];
    },
  });
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const env = (given: Readonly<Record<string, string>>) => ({ PATH: process.env.PATH, ...given });

/** A program that stands for the child, and does something to itself after it has told so much. */
function standIn(name: string, lines: readonly unknown[], ending: string): string {
  const said = lines.map((line) => `say(${JSON.stringify(line)});`).join('\n');
  return file(
    `${name}.mjs`,
    `import { writeSync } from 'node:fs';
const say = (line) => writeSync(3, JSON.stringify(line) + '\\n');
${said}
${ending}`,
  );
}

const ADDON = {
  addon: {
    loaded: true,
    from: 'local',
    path: 'x.node',
    abi: 3,
    cudaArchitectures: '90a',
    flashinferVersion: null,
    failures: [],
  },
};

describe('probeMachine', () => {
  it('tells of the system, and of an addon that is not there', async () => {
    const missing = join(folder, 'missing.node');
    const probe = await probeMachine({ child, env: env({ ARFUSE_NATIVE_BINARY: missing }) });
    expect(probe).toMatchObject({
      system: { arch: process.arch, node: process.versions.node },
      addon: { loaded: false, failures: [{ path: missing }] },
      cuda: null,
      nccl: null,
      fault: null,
    });
  }, 60_000);

  const isLinux = process.platform === 'linux' && process.arch === 'x64';
  it.runIf(isLinux)(
    'survives an addon that crashes as it is loaded',
    async () => {
      const broken = file('segfault.node', brokenLibrary('segfault'));
      const probe = await probeMachine({ child, env: env({ ARFUSE_NATIVE_BINARY: broken }) });
      expect(probe).toMatchObject({
        addon: null,
        fault: { phase: 'addon', signal: 'SIGSEGV', timedOut: false },
      });
    },
    60_000,
  );

  it.runIf(isLinux)(
    'ends an addon that hangs as it is loaded',
    async () => {
      const broken = file('hang.node', brokenLibrary('hang'));
      const begun = performance.now();
      const probe = await probeMachine({
        child,
        env: env({ ARFUSE_NATIVE_BINARY: broken }),
        timeoutMs: 3000,
      });
      expect(probe.fault).toMatchObject({ phase: 'addon', signal: 'SIGKILL', timedOut: true });
      expect(performance.now() - begun).toBeLessThan(30_000);
    },
    60_000,
  );

  it('keeps what was told before a driver ended the child', async () => {
    const program = standIn(
      'driver',
      [{ begins: 'addon' }, ADDON, { begins: 'cuda' }],
      "console.error('NVRM: fell off the bus'); process.abort();",
    );
    const probe = await probeMachine({ child: program });
    expect(probe).toMatchObject({
      addon: { loaded: true, path: 'x.node' },
      cuda: null,
      fault: { phase: 'cuda', signal: 'SIGABRT' },
    });
  }, 60_000);

  it('takes a last line that is cut off for what it is', async () => {
    const program = standIn(
      'cut',
      [{ begins: 'addon' }, ADDON, { begins: 'cuda' }],
      `writeSync(3, '{"cuda":{"dri'); process.exit(7);`,
    );
    const probe = await probeMachine({ child: program });
    expect(probe).toMatchObject({ cuda: null, fault: { phase: 'cuda', exitCode: 7 } });
  }, 60_000);

  it('says so when the child cannot even start', async () => {
    const probe = await probeMachine({ child: join(folder, 'absent.mjs') });
    expect(probe.fault).toMatchObject({ phase: 'addon', timedOut: false });
    expect(probe.fault?.stderr).toContain('absent.mjs');
  }, 60_000);
});
