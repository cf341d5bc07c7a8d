import { describe, expect, it } from 'vitest';
import { checkSharing, deviceOfProcess, placeRanks } from '../../src/execute/placement.ts';

describe('ranks get their GPUs', () => {
  it('one each in one process, or as many as was asked for', () => {
    expect(placeRanks(4, 8, 1)).toEqual([0, 1, 2, 3]);
    expect(placeRanks(4, 1, 4)).toEqual([0, 0, 0, 0]);
    expect(placeRanks(5, 2, 4)).toEqual([0, 0, 0, 0, 1]);
  });

  it('never several unasked', () => {
    expect(() => placeRanks(8, 2, 1)).toThrow(
      /8 ranks, which need 8 GPUs with 1 per GPU; this process sees 2\. For a test, 4 ranks may share a GPU/,
    );
    expect(() => placeRanks(2, 0, 1)).toThrow(/sees 0. Use a machine with 2 GPUs/);
    expect(() => placeRanks(2, 1, 1.5)).toThrow(/ranksPerDevice is 1.5/);
  });

  it('by their local rank in processes of their own', () => {
    expect(deviceOfProcess(3, 8, 1)).toBe(3);
    expect(deviceOfProcess(3, 2, 2)).toBe(1);
    // Slurm shows each task its own GPU.
    expect(deviceOfProcess(3, 1, 1)).toBe(0);
    expect(() => deviceOfProcess(3, 2, 1)).toThrow(
      /local rank 3 drives GPU 3; this process sees 2/,
    );
  });

  it('which processes compare, since none sees that it shares one', () => {
    expect(() => checkSharing(['a 1', 'a 2', 'b 1'], 1)).not.toThrow();
    expect(() => checkSharing(['a 1', 'a 1', 'b 1', 'b 1'], 2)).not.toThrow();
    expect(() => checkSharing(['a 1', 'a 2', 'a 1'], 1)).toThrow(
      /ranks 0, 2 drive the same GPU.*ranksPerDevice 2/,
    );
  });
});
