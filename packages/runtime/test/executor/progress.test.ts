import type { Device, DeviceEvent, DeviceStream } from '@arfuse/contract';
import { describe, expect, it } from 'vitest';
import { Progress } from '../../src/executor/progress.ts';

/** A stream that passes what it is told to. */
class Passing {
  passed = 0;
  records = 0;
  closed = 0;
  readonly #points = new Map<DeviceEvent, number>();
  readonly stream = { record: (event: DeviceEvent) => this.#record(event) } as DeviceStream;
  readonly device = { createEvent: () => this.#event() } as unknown as Device;

  #record(event: DeviceEvent): void {
    this.records += 1;
    this.#points.set(event, this.records);
  }

  #event(): DeviceEvent {
    const event: DeviceEvent = {
      passed: () => (this.#points.get(event) ?? 0) <= this.passed,
      elapsed: () => 0,
      close: () => {
        this.closed += 1;
      },
    };
    return event;
  }
}

const mark = (progress: Progress, { stream }: Passing, count: number, collectives = 1): void => {
  for (let i = 0; i < count; i += 1) {
    progress.requireRoom();
    progress.mark(stream, i, 4, collectives, false);
  }
};

describe('progress', () => {
  it('lists what the stream may not have passed, by one event per 16 launches', () => {
    const passing = new Passing();
    const progress = new Progress(passing.device);
    mark(progress, passing, 40, 2);
    expect(passing.records).toBe(2);
    expect(progress.enqueued).toBe(80);
    expect(progress.pending()).toHaveLength(40);
    passing.passed = 1;
    expect(progress.pending()[0]).toEqual({ id: 16, captured: false, tokens: 4, start: 32 });
    progress.settle();
    expect(progress.pending()).toEqual([]);
    mark(progress, passing, 1);
    expect(progress.pending()).toEqual([{ id: 0, captured: false, tokens: 4, start: 80 }]);
  });

  it('refuses what would fill the queue of the driver, until the stream has moved on', () => {
    const passing = new Passing();
    const progress = new Progress(passing.device);
    mark(progress, passing, 512);
    expect(() => progress.requireRoom()).toThrow('512 launches wait on the stream already');
    passing.passed = 1;
    mark(progress, passing, 16);
    expect(() => progress.requireRoom()).toThrow('Await sync()');
    progress.settle();
    mark(progress, passing, 512);
    expect(progress.pending()).toHaveLength(512);
  });

  it('goes round its rings as long as the stream keeps up', () => {
    const passing = new Passing();
    const progress = new Progress(passing.device);
    for (let round = 0; round < 300; round += 1) {
      mark(progress, passing, 10);
      passing.passed = passing.records;
    }
    expect(progress.pending()).toHaveLength(3000 % 16);
    progress.restart();
    expect([progress.enqueued, progress.pending()]).toEqual([0, []]);
    progress.close();
    expect(passing.closed).toBe(32);
  });
});
