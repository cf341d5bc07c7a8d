import { type EngineSettings, UnsupportedError } from '@arfuse/contract';
import type { Engine } from './engine.ts';
import { openSglang } from './sglang/engine.ts';
import { openVllm } from './vllm/engine.ts';

type Open = (settings: EngineSettings) => Engine;

/** Engines that can be emulated, by the id that a target names. */
const ENGINES: ReadonlyMap<string, Open> = new Map([
  ['vllm@0.32', openVllm('0.32')],
  ['vllm@0.33', openVllm('0.33')],
  ['sglang@0.5.23', openSglang],
]);

/** The whole number of the release that was read; a later patch may dispatch otherwise. */
const RELEASES: ReadonlyMap<string, string> = new Map([
  ['vllm@0.32.0', 'vllm@0.32'],
  ['vllm@0.33.0', 'vllm@0.33'],
]);

/** Ids that {@link openEngine} knows. */
export const ENGINE_IDS: readonly string[] = [...ENGINES.keys()];

/**
 * The emulation of an engine's release, e.g. `vllm@0.33`, which may be written in full: `vllm@0.33.0`.
 * @throws UnsupportedError for an engine or version whose dispatch was not read; UsageError for a setting that does not
 *   exist in that version, or contradicts another
 */
export function openEngine(id: string, settings: Partial<EngineSettings> = {}): Engine {
  const open = ENGINES.get(RELEASES.get(id) ?? id);
  if (open) return open({ env: settings.env ?? {}, config: settings.config ?? {} });
  throw new UnsupportedError({
    message: `the dispatch of ${JSON.stringify(id)} is not known; known are ${ENGINE_IDS.join(', ')}.`,
    hint: 'Dispatch rules differ between releases. Name one of these versions, or leave the engine out.',
    details: { engine: id, known: ENGINE_IDS },
  });
}
