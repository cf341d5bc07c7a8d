import { describe, expect, it } from 'vitest';
import { interruptible } from '../src/system/interrupt.ts';

/** Lets this process get a signal as from the terminal, once its handlers are there. */
const kill = (signal: NodeJS.Signals) => process.kill(process.pid, signal);

describe('interruptible', () => {
  it('gives what the work gives, and leaves no handler', async () => {
    const before = process.listenerCount('SIGINT');
    expect(await interruptible(() => Promise.resolve(1))).toBe(1);
    await expect(interruptible(() => Promise.reject(new Error('wrong')))).rejects.toThrow('wrong');
    expect(process.listenerCount('SIGINT')).toBe(before);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('tells the work of %s, waits for it to close, and gives %d', async (name, code) => {
    const seen: string[] = [];
    const result = interruptible(async (signal) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      await new Promise((resolve) => setTimeout(resolve, 20));
      seen.push('closed');
      throw signal.reason;
    });
    kill(name);
    expect(await result).toBe(code);
    expect(seen).toEqual(['closed']);
  });
});
