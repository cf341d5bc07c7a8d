/** What a test writes into a head, as `ExchangeHead` of native/cpp/launch/exchange_layout.hpp. */
export interface HeadFields {
  readonly epoch?: bigint;
  readonly begun?: bigint;
  readonly blocks?: number;
  readonly phases?: number;
  readonly aborted?: number;
  /** Flags by phase: the number that a rank has raised for a block. */
  readonly flags?: Readonly<Record<number, (block: number, rank: number) => bigint>>;
}

const LINE = 128;
const BLOCKS = 64;
const RANKS = 8;

/** Bytes of a head. */
export function headOf({
  epoch = 0n,
  begun = 0n,
  blocks = 0,
  phases = 0,
  aborted = 0,
  flags = {},
}: HeadFields): Uint8Array {
  const bytes = new Uint8Array(LINE + 2 * BLOCKS * LINE);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, epoch, true);
  view.setBigUint64(8, begun, true);
  view.setUint32(16, blocks, true);
  view.setUint32(20, phases, true);
  view.setUint32(28, aborted, true);
  for (const [phase, of] of Object.entries(flags))
    for (let block = 0; block < BLOCKS; block += 1)
      for (let rank = 0; rank < RANKS; rank += 1)
        view.setBigUint64(
          LINE + (Number(phase) * BLOCKS + block) * LINE + rank * 8,
          of(block, rank),
          true,
        );
  return bytes;
}
