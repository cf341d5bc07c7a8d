import { type Action, actionText, eachAction } from './actions.ts';
import { Model, type Setting, Violation } from './model.ts';

/** What a search found. */
export interface Found {
  /** States that were reached. */
  readonly states: number;
  /** What does not hold; undefined when everything holds in every state. */
  readonly violation?: string;
  /** What happened until then. */
  readonly trace: readonly string[];
}

/** Everything that can happen, in every order: depth first, each state once. */
export function explore(setting: Setting): Found {
  const model = new Model(setting);
  const seen = new Set<string>();
  const path: Action[] = [];
  const key = (state: Uint8Array): string =>
    Buffer.from(state.buffer, state.byteOffset, state.length).toString('latin1');
  const visit = (state: Uint8Array): void => {
    eachAction(model, state, (action, next) => {
      const name = key(next);
      if (seen.has(name)) return;
      seen.add(name);
      path.push(action);
      visit(next);
      path.pop();
    });
  };
  const first = new Uint8Array(model.size);
  seen.add(key(first));
  try {
    visit(first);
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    return { states: seen.size, violation: error.message, trace: path.map(actionText) };
  }
  return { states: seen.size, trace: [] };
}
