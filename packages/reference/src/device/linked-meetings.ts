import { Meetings } from './collective.ts';

/** What a group of ranks in several threads or processes tells its members; a `Group` of `@arfuse/runtime` is one. */
export interface RankLink {
  readonly rank: number;
  readonly size: number;
  notify(message: Uint8Array): void;
  onNotice(
    listener: (notice: { readonly rank: number; readonly data: Uint8Array }) => void,
  ): () => void;
}

/** First byte of a notice in which a kernel gives its partials. */
const GIVES = 0x52;

interface Gift {
  readonly workspace: string;
  /** How often the workspace was made new before. */
  readonly epoch: number;
  readonly turn: number;
  readonly partials: readonly Uint8Array[];
}

/** Big-endian: GIVES, length of the name, number of partials; epoch, turn; lengths; name; partials. */
function encodeGift({ workspace, epoch, turn, partials }: Gift): Uint8Array {
  const name = Buffer.from(workspace);
  const head = Buffer.alloc(11 + 4 * partials.length);
  head[0] = GIVES;
  head[1] = name.length;
  head[2] = partials.length;
  head.writeUInt32BE(epoch, 3);
  head.writeUInt32BE(turn, 7);
  for (const [index, { length }] of partials.entries()) head.writeUInt32BE(length, 11 + 4 * index);
  return Buffer.concat([head, name, ...partials]);
}

function decodeGift(data: Uint8Array): Gift | undefined {
  if (data[0] !== GIVES) return undefined;
  const bytes = Buffer.from(data);
  const count = bytes[2]!;
  const names = 11 + 4 * count;
  let at = names + bytes[1]!;
  const workspace = bytes.subarray(names, at).toString();
  const partials = Array.from({ length: count }, (_, index) => {
    const begin = at;
    at += bytes.readUInt32BE(11 + 4 * index);
    return new Uint8Array(bytes.subarray(begin, at));
  });
  return { workspace, epoch: bytes.readUInt32BE(3), turn: bytes.readUInt32BE(7), partials };
}

/** Where the kernels of one rank meet those of ranks in other threads or processes. */
export class LinkedMeetings extends Meetings {
  readonly #link: RankLink;
  readonly #epochs = new Map<string, number>();

  constructor(link: RankLink) {
    super(link.size, 1);
    this.#link = link;
    link.onNotice(({ rank, data }) => {
      const gift = decodeGift(data);
      // What was given before all workspaces were made new is void.
      if (gift && gift.epoch === this.#epoch(gift.workspace))
        super.give(gift.workspace, gift.turn, rank, gift.partials);
    });
  }

  override give(
    workspace: string,
    turn: number,
    rank: number,
    partials: readonly Uint8Array[],
  ): void {
    super.give(workspace, turn, rank, partials);
    this.#link.notify(encodeGift({ workspace, epoch: this.#epoch(workspace), turn, partials }));
  }

  override reset(workspace: string): void {
    this.#epochs.set(workspace, this.#epoch(workspace) + 1);
    for (let rank = 0; rank < this.#link.size; rank += 1) super.reset(workspace, rank);
  }

  #epoch(workspace: string): number {
    return this.#epochs.get(workspace) ?? 0;
  }
}
