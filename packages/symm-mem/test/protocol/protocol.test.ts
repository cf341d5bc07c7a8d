import { describe, expect, it } from 'vitest';
import type { Setting } from './model.ts';
import type { Exchange, Fault } from './program.ts';
import { explore } from './search.ts';

const ONE_1: Exchange = { shot: 'one', blocks: 1 };
const ONE_2: Exchange = { shot: 'one', blocks: 2 };
const TWO_1: Exchange = { shot: 'two', blocks: 1 };
const TWO_2: Exchange = { shot: 'two', blocks: 2 };

/** Three calls, each of either kind and of a grid of one or two blocks. */
const ALL = { choices: [ONE_1, ONE_2, TWO_1, TWO_2], calls: 3, resident: 2 };
const WHOLE = { ...ALL, ranks: 2, eager: false };

/** Hosts abort at any time; afterwards all reset and go on. */
const ABORTED = { choices: [ONE_1, TWO_1], calls: 2, afterAbort: 1, resident: 2, ranks: 2 };

describe('protocol of the exchanges, in every order of events', () => {
  it.each<[string, Setting, number]>([
    ['2 ranks', WHOLE, 100_000],
    ['2 ranks whose blocks run one after the other', { ...WHOLE, resident: 1 }, 10_000],
    ['3 ranks of one block', { ...WHOLE, ranks: 3, choices: [ONE_1, TWO_1] }, 100_000],
    ['3 ranks, stores seen at once', { ...ALL, ranks: 3, eager: true }, 30_000],
    ['2 ranks that abort', { ...ABORTED, eager: false }, 20_000],
    [
      '2 ranks that abort one call and go on',
      { ...ABORTED, choices: [ONE_2], calls: 1, eager: false },
      3_000,
    ],
    [
      '2 ranks of two blocks that abort, stores seen at once',
      { ...ABORTED, choices: [ONE_2, TWO_1], calls: 3, eager: true },
      50_000,
    ],
    ['3 ranks that abort, stores seen at once', { ...ABORTED, ranks: 3, eager: true }, 50_000],
  ])(
    'holds for %s',
    (_, setting, least) => {
      const found = explore(setting);
      expect(found.violation, found.trace.join('\n')).toBeUndefined();
      // A search that ends early proves nothing.
      expect(found.states).toBeGreaterThan(least);
    },
    60_000,
  );
});

describe('search', () => {
  it.each<[Fault, RegExp, Partial<Setting>?]>([
    ['one buffer', /^overwritten while it is read/],
    ['flag before the stores', /^stale read/],
    ['flag without release', /^stale read/],
    ['loads before the acquire', /^stale read/],
    ['block 0 waits for all', /^(early pass|stale read)/],
    ['waits for one peer', /^early pass/, { ranks: 3, eager: true }],
    ['flag of this exchange only', /^no progress: every block waits/],
    ['flag holds the parity', /^(no progress|early pass)/],
    ['phases share a flag', /^early pass/],
    ['no second meeting', /^early pass/],
    ['arrivals not reset', /^(early pass|overwritten)/],
    ['first block ends the exchange', /^stale read/],
    ['no look at the abort word', /^no progress: rank . does not end after an abort/, ABORTED],
    ['abort leaves no trace', /^wrong as right/, ABORTED],
    [
      'no look at the trace',
      /^overwritten while it is read/,
      { ...ABORTED, calls: 3, eager: true },
    ],
    ['poisoned blocks raise flags', /^stale read/, ABORTED],
    ['flags kept at reset', /^early pass/, ABORTED],
    ['number kept at reset', /^(early pass|stale read)/, { ...ABORTED, afterAbort: 2 }],
  ])(
    'finds what comes of: %s',
    (fault, violation, change = {}) => {
      const found = explore({ ...WHOLE, ...change, fault });
      expect(found.violation).toMatch(violation);
      expect(found.trace.length).toBeGreaterThan(0);
    },
    60_000,
  );

  it('comes to the same verdict when it does at once what only helps others', () => {
    // Faults of the order in which stores become visible are those that need the whole search.
    const faults: Fault[] = [
      'one buffer',
      'loads before the acquire',
      'block 0 waits for all',
      'phases share a flag',
      'no second meeting',
      'arrivals not reset',
      'first block ends the exchange',
    ];
    for (const fault of [undefined, ...faults])
      for (const choices of [
        [ONE_1, TWO_2],
        [ONE_2, TWO_1],
      ]) {
        const of = (eager: boolean) =>
          explore({ ...WHOLE, choices, eager, ...(fault ? { fault } : {}) }).violation;
        expect(of(true) === undefined, `${fault}`).toBe(of(false) === undefined);
      }
  }, 60_000);
});
