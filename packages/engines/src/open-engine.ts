import { type EngineSettings, UnsupportedError } from '@arfuse/contract';
import type { Engine } from './engine.ts';
import { openSglang } from './sglang/engine.ts';
import { openVllm } from './vllm/engine.ts';

type Open = (settings: EngineSettings) => Engine;

/** Engines that can be emulated, by the id that a target names. */
const ENGINES: Readonly<Record<string, Open>> = {
  'vllm@0.32': openVllm('0.32'),
  'vllm@0.33': openVllm('0.33'),
  'sglang@0.5.23': openSglang,
};

/** Ids that {@link openEngine} knows. */
export const ENGINE_IDS: readonly string[] = Object.keys(ENGINES);

/**
 * The emulation of an engine's release, e.g. `vllm@0.33` (a patch number is taken as its release: `vllm@0.33.0`).
 * @throws UnsupportedError for an engine or version whose dispatch was not read; UsageError for a setting that does not
 *   exist in that version, or contradicts another
 */
export function openEngine(id: string, settings: Partial<EngineSettings> = {}): Engine {
  const key = ENGINE_IDS.find((known) => id === known || id.startsWith(`${known}.`));
  const open = key === undefined ? undefined : ENGINES[key];
  if (open) return open({ env: settings.env ?? {}, config: settings.config ?? {} });
  throw new UnsupportedError({
    message: `the dispatch of ${JSON.stringify(id)} is not known; known are ${ENGINE_IDS.join(', ')}.`,
    hint: 'Dispatch rules differ between releases. Name one of these versions, or leave the engine out.',
    details: { engine: id, known: ENGINE_IDS },
  });
}
