import { describe, expect, it } from 'vitest';
import {
  decodeName,
  decodeStatus,
  encodeName,
  encodeStatus,
  type LaunchName,
  type RankStatus,
  standstill,
  stuckError,
} from '../../src/executor/status.ts';

/** A rank that has launched things of so many collectives each, and has certainly passed the first ones. */
const rank = (
  launches: readonly (readonly [sameness: number, collectives?: number])[],
  passed = 0,
): RankStatus => {
  let enqueued = 0;
  const pending = launches.map(([sameness, collectives = 1]) => {
    const start = enqueued;
    enqueued += collectives;
    return { start, sameness };
  });
  return { enqueued, pending: pending.slice(passed) };
};

describe('where ranks are stuck', () => {
  it('is the first collective that one has not launched, whatever was launched behind it', () => {
    const others = rank([[1], [2], [3], [4]]);
    expect(standstill([others, rank([[1], [2]]), others])).toEqual({
      start: 2,
      arrived: [0, 2],
      missing: [1],
      differs: false,
      orLater: 0,
    });
  });

  it('does not depend on how far each rank has looked', () => {
    const launches = [[1], [2], [3], [4]] as const;
    expect(
      standstill([rank(launches, 2), rank(launches, 1), rank([[1], [2], [3]], 3)]),
    ).toMatchObject({ start: 3, missing: [2] });
  });

  it('is the first launch in which they differ, even if one has launched less behind it', () => {
    const one = rank([[1], [2], [3]]);
    const other = rank([[1], [7]]);
    expect(standstill([one, other])).toMatchObject({ start: 1, differs: true, missing: [] });
  });

  it('is a captured step for all of its collectives', () => {
    const others = rank([
      [1, 8],
      [2, 8],
    ]);
    expect(standstill([others, rank([[1, 8]])])).toMatchObject({ start: 8, missing: [1] });
  });

  it('is the first that may not have ended, or a later one, when all have launched the same', () => {
    const all = rank([[1], [2], [3]], 1);
    expect(standstill([all, all])).toEqual({
      start: 1,
      arrived: [0, 1],
      missing: [],
      differs: false,
      orLater: 1,
    });
  });

  it('is nowhere when nothing is on its way', () => {
    expect(standstill([rank([[1]], 1), rank([[1]], 1)])).toBeUndefined();
    expect(standstill([rank([]), rank([])])).toBeUndefined();
  });

  it('is found from what messages hold: what lies beyond them does not differ', () => {
    const many = Array.from({ length: 400 }, (_, index) => [index] as const);
    const sent = (status: RankStatus): RankStatus => decodeStatus(encodeStatus(status));
    // One rank has passed 200 launches, so it lists 200 to 399, the other 0 to 255.
    const found = standstill([sent(rank(many, 200)), sent(rank(many))]);
    expect(found).toMatchObject({ start: 200, differs: false });
    expect(sent(rank(many)).pending).toHaveLength(256);
    expect(encodeStatus(rank([])).length).toBe(encodeStatus(rank(many)).length);
  });
});

describe('the error of a standstill', () => {
  const name: LaunchName = { what: 'site s3 (k)', tokens: 1, details: { site: 's3', kernel: 'k' } };

  it('names what no rank has passed, and who has come', () => {
    const stuck = { start: 0, arrived: [0, 2], missing: [1], differs: false, orLater: 0 };
    expect(stuckError(stuck, [name, undefined, name], 1500)).toMatchObject({
      code: 'ARFUSE_DEADLINE',
      message: expect.stringContaining(
        'site s3 (k) at 1 token was not complete after 1.5 s: ranks 0, 2 have launched it, rank 1 has not.',
      ),
      details: {
        site: 's3',
        kernel: 'k',
        tokens: 1,
        timeoutMs: 1500,
        arrived: [0, 2],
        missing: [1],
      },
    });
  });

  it('says what each rank launched where they differ', () => {
    const stuck = { start: 0, arrived: [0, 1], missing: [], differs: true, orLater: 0 };
    expect(stuckError(stuck, [name, { ...name, tokens: 2 }], 1000).message).toContain(
      'rank 0 has launched site s3 (k) at 1 token, rank 1 has launched site s3 (k) at 2 tokens',
    );
  });

  it('says when it is not certain which of several launches it is', () => {
    const stuck = { start: 0, arrived: [0], missing: [], differs: false, orLater: 3 };
    const error = stuckError(stuck, [name], 1000);
    expect(error.message).toContain(
      'at 1 token, or one of the 3 launches after it, was not complete',
    );
    expect(error.details).toMatchObject({ orLater: 3 });
  });

  it('tells a slow device from a rank that does not come', () => {
    const error = stuckError(undefined, [undefined, undefined], 1000);
    expect(error.message).toContain('was not complete after 1 s, and then it was');
  });

  it('crosses the wire, without lists that are too long', () => {
    expect(decodeName(encodeName(name))).toEqual(name);
    expect(decodeName(encodeName(undefined))).toBeUndefined();
    const sites = Array.from({ length: 500 }, (_, index) => `s${index}`);
    const long = { ...name, details: { sites } };
    expect(decodeName(encodeName(long))).toEqual({ ...name, details: {} });
  });
});
