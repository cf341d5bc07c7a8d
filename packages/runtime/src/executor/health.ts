import { type ArfuseError, UsageError } from '@arfuse/contract';
import { until } from './clock.ts';
import { deviceError } from './failures.ts';
import { freeAlone, type RecoveryParts, recoverTogether } from './recovery.ts';

/** First byte of a notice: an operation has passed its deadline. The second is the number of the recovery. */
const STUCK = 1;

/** What a rank's health is watched by. */
export interface HealthParts extends RecoveryParts {
  /** Called when the ranks have recovered. */
  restarted(): void;
  /** Called when everything enqueued has run. */
  settled(): void;
}

/** Whether a rank can launch: it waits for the device, recovers with the other ranks, and knows why it cannot go on. */
export class Health {
  readonly #parts: HealthParts;
  readonly #unlisten: () => void;
  #state: 'ready' | 'recovering' | 'broken' | 'closed' = 'ready';
  #generation = 0;
  #recovery: Promise<void> = Promise.resolve();
  /** What the next wait reports; launches until then are void. */
  #fault: ArfuseError | undefined;
  /** When what was released has to have ended. */
  #freedBy: number | undefined;

  constructor(parts: HealthParts) {
    this.#parts = parts;
    const { group } = parts;
    const { signal } = group;
    const lost = (): void => this.#lose(signal.reason as ArfuseError);
    signal.addEventListener('abort', lost);
    const silence = group.onNotice(({ data }) => {
      if (data[0] === STUCK && data[1] === this.#next()) this.#recover();
    });
    this.#unlisten = () => {
      signal.removeEventListener('abort', lost);
      silence();
    };
    if (signal.aborted) lost();
  }

  /** Whether what is enqueued now counts. */
  get sound(): boolean {
    return this.#state === 'ready' && this.#fault === undefined;
  }

  /** @throws UsageError after `close()` */
  requireOpen(): void {
    if (this.#state !== 'closed') return;
    throw new UsageError({
      message: `the executor of rank ${this.#parts.group.rank} is closed.`,
      hint: 'Create another one.',
    });
  }

  /** Nothing can be launched any more; every later wait reports the first such error. */
  break(error: ArfuseError): void {
    if (this.#state === 'closed') return;
    this.#state = 'broken';
    this.#fault ??= error;
  }

  /** Waits until everything enqueued has run. @throws what `Executor.sync` does */
  async wait(): Promise<void> {
    this.requireOpen();
    const { clock, deadlineMs, group } = this.#parts;
    const settled = (): boolean => this.#state !== 'ready' || this.#idle();
    if (!(await until(settled, clock, clock.now() + deadlineMs))) {
      group.notify(Uint8Array.of(STUCK, this.#next()));
      this.#recover();
    }
    await this.#recovery;
    const fault = this.#fault;
    if (!fault) return;
    if (this.#state === 'ready') this.#fault = undefined;
    throw fault;
  }

  /** @returns whether the stream has come to rest; when it has not, what its kernels hold cannot be freed */
  async close(): Promise<boolean> {
    await this.#recovery;
    const { stream, clock } = this.#parts;
    const rests = (): boolean => {
      try {
        return stream.idle();
      } catch {
        return true;
      }
    };
    const rested = await until(rests, clock, this.#freeBy());
    this.#state = 'closed';
    this.#unlisten();
    return rested;
  }

  #idle(): boolean {
    try {
      if (!this.#parts.stream.idle()) return false;
      this.#parts.settled();
      return true;
    } catch (error) {
      this.break(deviceError(error));
      return true;
    }
  }

  /** When kernels that are released now have to have ended: those that were released before have no more time. */
  #freeBy(): number {
    const { clock, recoveryMs } = this.#parts;
    this.#freedBy ??= clock.now() + recoveryMs;
    return this.#freedBy;
  }

  #next(): number {
    return (this.#generation + 1) % 256;
  }

  #recover(): void {
    if (this.#state !== 'ready') return;
    this.#state = 'recovering';
    this.#recovery = recoverTogether(this.#parts, () => this.#freeBy()).then(
      (fault) => {
        if (this.#state !== 'recovering') return;
        this.#generation += 1;
        this.#freedBy = undefined;
        this.#parts.restarted();
        this.#fault ??= fault;
        this.#state = 'ready';
      },
      (error) => this.break(deviceError(error)),
    );
  }

  /** A rank is gone: the kernels that wait for it end, and nothing can be launched any more. */
  #lose(error: ArfuseError): void {
    if (this.#state === 'broken' || this.#state === 'closed') return;
    this.break(error);
    this.#recovery = this.#recovery
      .then(() => freeAlone(this.#parts, this.#freeBy(), this.#fault ?? error))
      .catch(deviceError)
      .then((fault) => {
        this.#fault = fault;
      });
  }
}
