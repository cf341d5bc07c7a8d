import { type EngineSettings, type Target, UsageError } from '@arfuse/contract';
import { type Engine, openEngine } from '@arfuse/engines';

/** Which engine a plan competes in. */
export interface EngineOptions {
  /** `vllm@0.33`, or an opened engine; the target's own by default. */
  readonly engine?: string | Engine;
  /** Environment and configuration of the engine, as its user gives them. */
  readonly engineSettings?: Partial<EngineSettings>;
}

const isEmpty = (settings: Partial<EngineSettings> | undefined): boolean =>
  [settings?.env, settings?.config].every((given) => Object.keys(given ?? {}).length === 0);

/**
 * The engine of the options or of the target; undefined without one.
 * @throws UsageError for settings without an engine, or with one that is opened already; UnsupportedError for an
 *   engine or version that is not known
 */
export function engineOf(
  target: Target,
  { engine, engineSettings }: EngineOptions,
): Engine | undefined {
  const given = engine ?? target.engine;
  if (given === undefined || typeof given !== 'string') {
    if (isEmpty(engineSettings)) return given;
    throw new UsageError({
      message:
        given === undefined
          ? 'settings of an engine are given, but no engine.'
          : `settings are given for ${given.id}, which was opened with its own.`,
      hint: given === undefined ? 'Name it, e.g. vllm@0.33.' : 'Give them to openEngine().',
      details: { settings: engineSettings },
    });
  }
  return openEngine(given, engineSettings ?? {});
}
