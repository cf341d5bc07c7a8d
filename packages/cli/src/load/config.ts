import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  ArfuseError,
  type Backend,
  type Policy,
  type ThresholdTable,
  UsageError,
} from '@arfuse/contract';

/** What `arfuse.config.ts` (or `.mjs`, `.js`) exports as default. */
export interface ArfuseConfig {
  /** Backends in addition to the bundled ones. */
  readonly use?: readonly Backend[];
  /** Threshold tables in addition to the built-in ones. */
  readonly tables?: readonly ThresholdTable[];
  /** What decides instead of the default policy. */
  readonly policy?: Policy;
  /** Default for `--target`. */
  readonly target?: string;
}

const NAMES = ['arfuse.config.ts', 'arfuse.config.mjs', 'arfuse.config.js'];

/** Settings, and what their values must be. */
const SETTINGS: Readonly<Record<keyof ArfuseConfig, 'list' | 'object' | 'string'>> = {
  use: 'list',
  tables: 'list',
  policy: 'object',
  target: 'string',
};

/** Gives a configuration its type. */
export function defineConfig(config: ArfuseConfig): ArfuseConfig {
  return config;
}

async function importModule(path: string): Promise<unknown> {
  try {
    if (!/\.[cm]?ts$/.test(path)) return await import(pathToFileURL(path).href);
    const { createJiti } = await import('jiti');
    return await createJiti(import.meta.url).import(path);
  } catch (cause) {
    // A policy or table that the configuration makes may be refused with a reason of its own.
    if (ArfuseError.isInstance(cause)) throw cause;
    throw new UsageError({
      message: `configuration ${path} cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}.`,
      hint: 'Correct it, or name another one with --config.',
      details: { path },
      cause,
    });
  }
}

function refuse(path: string, message: string, hint: string): never {
  throw new UsageError({ message: `configuration ${path}: ${message}`, hint, details: { path } });
}

function checkConfig(config: object, path: string): void {
  for (const [key, value] of Object.entries(config)) {
    if (!Object.hasOwn(SETTINGS, key)) {
      refuse(
        path,
        `"${key}" is no setting.`,
        `Known settings: ${Object.keys(SETTINGS).join(', ')}.`,
      );
    }
    const wanted = SETTINGS[key as keyof ArfuseConfig];
    const fits =
      wanted === 'list' ? Array.isArray(value) : typeof value === wanted && value !== null;
    if (value !== undefined && !fits) {
      refuse(
        path,
        `"${key}" is ${JSON.stringify(value) ?? typeof value}.`,
        `It takes ${wanted === 'object' ? 'a policy' : `a ${wanted}`}.`,
      );
    }
  }
}

/**
 * Loads the configuration that `--config` names, or the one in the current folder; empty when there is none.
 * @throws UsageError
 */
export async function loadConfig(given: string | undefined): Promise<ArfuseConfig> {
  const path =
    given === undefined ? NAMES.map((name) => resolve(name)).find(existsSync) : resolve(given);
  if (path === undefined) return {};
  if (!existsSync(path)) {
    throw new UsageError({
      message: `configuration "${given}" does not exist.`,
      hint: 'Check the path of --config.',
      details: { path },
    });
  }
  const { default: config } = (await importModule(path)) as { readonly default?: unknown };
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    return refuse(
      path,
      'there is no default export.',
      'Write `export default defineConfig({ … })`.',
    );
  }
  checkConfig(config, path);
  return config;
}
