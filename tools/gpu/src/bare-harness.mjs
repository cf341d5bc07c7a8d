import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/**
 * What the harness says of a case.
 * @typedef {object} HarnessResult
 * @property {number} threads
 * @property {number} cluster
 * @property {number} blocks
 * @property {number} registers
 * @property {number} activeClusters clusters that the device holds at a time
 * @property {number} multiprocessors
 * @property {number[]} us microseconds of a launch, by round
 * @property {boolean | null} completes false where ranks that share the GPU would hang; null when nothing was asked to run
 */

/** @typedef {{ size: number, hidden: number, tokens: number, shot: 'one-shot' | 'two-shot' }} FusionCase */

/** `fusion_speed`: FlashInfer's launch without arfuse, in a process that stays for all cases. */
export class BareHarness {
  #child;
  #lines;
  /** @type {Promise<string>} */
  #failure;

  /** @param {string} path */
  constructor(path) {
    this.#child = spawn(path, [], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
    let said = '';
    this.#child.stderr.setEncoding('utf8').on('data', (text) => {
      said += text;
    });
    this.#failure = new Promise((resolve) => {
      this.#child.on('error', (error) => resolve(error.message));
      this.#child.on('close', (code, signal) =>
        resolve(said.trim() || `it ended with ${code ?? signal}`),
      );
    });
    // A harness that has ended takes no more input; what it said is the failure.
    this.#child.stdin.on('error', () => {});
  }

  /**
   * @param {FusionCase} fusion
   * @param {number} rounds 0 for the shape alone
   * @param {number} blocks 0 for the header's own launcher
   * @returns {Promise<HarnessResult>}
   */
  async run({ size, hidden, tokens, shot }, rounds, blocks) {
    this.#child.stdin.write(`${size} ${hidden} ${tokens} ${shot} ${rounds} ${blocks}\n`);
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`fusion_speed: ${await this.#failure}`);
    return JSON.parse(value);
  }

  close() {
    this.#child.stdin.end();
  }
}
