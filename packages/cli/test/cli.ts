import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { runCli } from '../src/index.ts';

/** A committed capture, or the folder of them. */
export const fixture = (path: string): string =>
  fileURLToPath(new URL(`../../../fixtures/${path}`, import.meta.url));

export const LLAMA = fixture('graphs/llama3-8b.tp2.fx.txt.gz');
/** Four all-reduces; a tenth of a second. */
export const TINY = fixture('llama-tiny-gloo/rank0.post_grad.print_readable.txt');
export const TARGET = 'h200-sxm,world=2';

const shared = process.env.ARFUSE_SHARED_FIXTURES ?? fixture('../../shared/fixtures');

/** Third-party captures, which are read in place. */
export const sharedFixture = (path: string): string => join(shared, path);

/** Why tests on third-party captures cannot run; undefined when they can. */
export const sharedMissing: string | undefined = existsSync(shared)
  ? undefined
  : `${shared} is absent`;

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface ArfuseOptions {
  readonly stdin?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  readonly tty?: boolean;
}

/** Runs a command line in this process and collects what it prints. */
export async function arfuse(args: readonly string[], options: ArfuseOptions = {}): Promise<Ran> {
  const { stdin = '', env = {}, tty = false } = options;
  let [out, err] = ['', ''];
  const code = await runCli(args, {
    env,
    stdin: (async function* () {
      yield typeof stdin === 'string' ? new TextEncoder().encode(stdin) : stdin;
    })(),
    stdout: { isTTY: tty, write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
  });
  return { code, out, err };
}

/** A folder of this test's own. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'arfuse-cli-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The plan of {@link TINY} for {@link TARGET}, as JSON. */
export async function tinyPlan(): Promise<string> {
  const { code, out, err } = await arfuse(['plan', TINY, '--target', TARGET, '--json']);
  if (code !== 0) throw new Error(`the plan of the tests was not made: ${err}`);
  return out;
}

/** A file of this test's own that holds a plan. */
export function planFileOf(plan: string): string {
  const path = join(temporaryFolder(), 'plan.json');
  writeFileSync(path, plan);
  return path;
}

/** Lines that are wider than 100 columns, or end in a blank. */
export const badLines = (text: string): string[] =>
  text.split('\n').filter((line) => [...line].length > 100 || line !== line.trimEnd());
