import { type EngineSettings, UsageError } from '@arfuse/contract';

/** Options of commands that look at a serving engine. */
export interface EngineOptions {
  /** `vllm@0.33`. */
  readonly engine?: string;
  /** `NAME=VALUE`, one for each `--engine-env`. */
  readonly engineEnv?: readonly string[];
  /** `NAME=VALUE`, one for each `--engine-config`. */
  readonly engineConfig?: readonly string[];
}

function assignments(option: string, given: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const text of given) {
    const equals = text.indexOf('=');
    const [name, value] = [text.slice(0, equals).trim(), text.slice(equals + 1).trim()];
    if (equals < 1 || name === '') {
      throw new UsageError({
        message: `${option} "${text}" is no setting.`,
        hint: `Write ${option} NAME=VALUE, once for each setting.`,
        details: { option, given: text },
      });
    }
    if (Object.hasOwn(found, name)) {
      throw new UsageError({
        message: `${option} ${name} is given twice, as "${found[name]}" and "${value}".`,
        hint: 'Give it once.',
        details: { option, name },
      });
    }
    found[name] = value;
  }
  return found;
}

/**
 * Settings of the engine as they are given on the command line; the engine itself checks names and values.
 * @throws UsageError for what is no `NAME=VALUE`, or given twice
 */
export function engineSettings({ engineEnv, engineConfig }: EngineOptions): EngineSettings {
  return {
    env: assignments('--engine-env', engineEnv ?? []),
    config: assignments('--engine-config', engineConfig ?? []),
  };
}
