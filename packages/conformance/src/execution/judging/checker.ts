import type { DevicePlace, DeviceStream, DType, SiteOutput } from '@arfuse/contract';
import type { ResultBytes } from '@arfuse/reference';
import { type CodesSpec, makeCodes } from '../cases/codes.ts';
import { type Distances, measure, type ScaledCodes } from './distances.ts';

/** Device memory of a rank. */
export interface RankPlace extends DevicePlace {
  readonly rank: number;
}

/** How the codes of a result are read. */
export interface ResultCodes {
  readonly output: SiteOutput;
  readonly dtype: DType;
  readonly bytes: number;
  /** Quantised elements next to their scales, where those may differ. */
  readonly scaled?: Omit<ScaledCodes, 'found' | 'expected'> & {
    readonly place: RankPlace;
    readonly bytes: number;
  };
}

/** Something to be found out about device memory. */
export type Question =
  /** Against the expected result of that name. */
  | ({ readonly kind: 'expected'; readonly found: RankPlace } & ResultCodes)
  /** Against other memory of a rank. */
  | ({ readonly kind: 'same'; readonly found: RankPlace; readonly as: RankPlace } & ResultCodes)
  /** Whether `bytes` bytes that begin so many behind the place are all one. */
  | {
      readonly kind: 'byte';
      readonly found: RankPlace;
      readonly behind: number;
      readonly byte: number;
      readonly bytes: number;
    };

/** What a question found: for `byte`, every byte is a code, and `first.worst` the first that is another. */
export type Answer = Distances;

/** Makes inputs and judges results. Kernels of all ranks are at rest while it is asked. */
export interface Checker {
  /** Fills device memory with made-up codes. */
  generate(to: RankPlace, spec: CodesSpec): void | Promise<void>;
  /** Fills device memory with bytes. */
  write(to: RankPlace, bytes: Uint8Array): void | Promise<void>;
  read(from: RankPlace, bytes: number): Promise<Uint8Array>;
  /** Keeps what the questions are about. */
  expect(results: ResultBytes): void | Promise<void>;
  ask(questions: readonly Question[]): Promise<readonly Answer[]>;
  close(): void;
}

/** What a checker works with. */
export interface CheckerContext {
  /** Of every rank, by rank. */
  readonly streams: readonly DeviceStream[];
  /** Waits for the stream of a rank, within the deadline. */
  idle(rank: number): Promise<void>;
}

/** Where the first byte is another. */
function otherBytes(bytes: Uint8Array, byte: number): Distances {
  const wrong = Buffer.compare(bytes, Buffer.alloc(bytes.length, byte)) !== 0;
  const different = wrong ? bytes.reduce((sum, found) => sum + Number(found !== byte), 0) : 0;
  const worst = wrong ? bytes.findIndex((found) => found !== byte) : -1;
  return {
    codes: bytes.length,
    different,
    unwritten: 0,
    lostNan: 0,
    worst: wrong ? Number.POSITIVE_INFINITY : 0,
    first: { unwritten: -1, lostNan: -1, worst },
    histogram: [],
  };
}

/** Bytes that a question reads besides the expected ones: found, compared with, scales. */
function readsOf(question: Question): (readonly [RankPlace, number])[] {
  if (question.kind === 'byte') return [[question.found, question.behind + question.bytes]];
  const { found, bytes, scaled } = question;
  if (question.kind === 'same')
    return [
      [found, bytes],
      [question.as, bytes],
    ];
  return [[found, bytes], ...(scaled ? [[scaled.place, scaled.bytes] as const] : [])];
}

function answerOf(question: Question, read: readonly Uint8Array[], expected: ResultBytes): Answer {
  const [found, other] = read as [Uint8Array, Uint8Array];
  if (question.kind === 'byte') return otherBytes(found.subarray(question.behind), question.byte);
  const { output, dtype, scaled } = question;
  if (question.kind === 'same') return measure(dtype, found, other);
  const wanted = expected[output]!;
  if (!scaled) return measure(dtype, found, wanted);
  return measure(dtype, found, wanted, { ...scaled, found: other, expected: expected.scale! });
}

/** A checker that reads everything back: for any device. */
export function hostChecker({ streams, idle }: CheckerContext): Checker {
  let expected: ResultBytes = {};
  /** Arrays that streams may still copy from. */
  let written: Uint8Array[] = [];
  const read = (from: RankPlace, bytes: number): Uint8Array => {
    const host = new Uint8Array(bytes);
    streams[from.rank]!.read(from, host);
    return host;
  };
  const wait = async (): Promise<void> => {
    for (const rank of streams.keys()) await idle(rank);
    written = [];
  };
  const write = (to: RankPlace, bytes: Uint8Array): void => {
    written.push(bytes);
    streams[to.rank]!.write(to, bytes);
  };
  return {
    write,
    read: async (from, bytes) => {
      const host = read(from, bytes);
      await wait();
      return host;
    },
    generate: (to, spec) => {
      const { buffer, byteOffset, byteLength } = makeCodes(spec);
      write(to, new Uint8Array(buffer, byteOffset, byteLength));
    },
    expect: (results) => {
      expected = results;
    },
    ask: async (questions) => {
      const reads = questions.map((question) =>
        readsOf(question).map(([place, bytes]) => read(place, bytes)),
      );
      await wait();
      return questions.map((question, i) => answerOf(question, reads[i]!, expected));
    },
    close: () => {},
  };
}
