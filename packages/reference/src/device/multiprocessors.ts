/**
 * Multiprocessors that several ranks share, at their worst: beside a kernel that waits for other ranks, no other kernel finds
 * room; such kernels fit beside each other, as launches on a shared GPU are sized.
 */
export class Multiprocessors {
  #waiting = 0;

  /** A kernel in which ranks meet: holds its room from its beginning to its end. */
  meeting(poll: () => boolean): () => boolean {
    this.#waiting += 1;
    return () => {
      if (!poll()) return false;
      this.#waiting -= 1;
      return true;
    };
  }

  /** Any other kernel: begins when there is room. */
  other(poll: () => boolean): () => boolean {
    return () => this.#waiting === 0 && poll();
  }
}
