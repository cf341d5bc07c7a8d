import type { Device, DeviceLaunch, DeviceMemory, DType, PinnedMemory } from '@arfuse/contract';
import { cudaBinding, NATIVE_FINDINGS_BYTES, type NativeComparison } from '@arfuse/native';
import type { ResultBytes } from '@arfuse/reference';
import type { CodesSpec } from '../cases/codes.ts';
import type { Answer, Checker, CheckerContext, Question, RankPlace } from './checker.ts';
import { POISON, ULP_CLASSES } from './distances.ts';

/** Launches of one round, each with findings of its own. */
const MOST_QUESTIONS = 2048;

/** Launches that are kept to fill inputs again. */
const MOST_CODES = 1024;

const FARTHEST = 0xffff_ffff;
const ALIGNMENT = 256;

const codesIn = (dtype: DType, bytes: number): number =>
  dtype === 'f32' ? bytes / 4 : dtype === 'bf16' || dtype === 'f16' ? bytes / 2 : bytes;

/** Reads what a launch found. */
function readFindings(view: DataView, at: number, codes: number): Answer {
  const word = (index: number): number => view.getUint32(at + 4 * index, true);
  // First codes are stored inverted, so that the first is the largest; 0 is none.
  const first = (index: number): number => (word(index) === 0 ? -1 : FARTHEST - word(index));
  const ulps = word(1);
  const different = word(2);
  const histogram = Array.from({ length: ULP_CLASSES.length + 1 }, (_, i) => word(7 + i));
  histogram[0]! += codes - different;
  return {
    codes,
    different,
    unwritten: word(3),
    lostNan: word(4),
    worst: ulps === FARTHEST ? Number.POSITIVE_INFINITY : ulps,
    first: {
      unwritten: first(5),
      lostNan: first(6),
      worst: ulps === 0 ? -1 : FARTHEST - word(0),
    },
    histogram,
  };
}

const keyOf = (place: RankPlace): string => `${place.memory.address + BigInt(place.offset)}`;

/**
 * Checkers whose inputs are made and whose results are compared by kernels, for ranks that share one GPU: nothing but findings
 * is copied back. What it holds serves one checker after another, until `close()`.
 * @throws NativeError for a device that is no GPU
 */
export function deviceChecking(device: Device): {
  checker: (context: CheckerContext) => Checker;
  close: () => void;
} {
  const binding = cudaBinding(device);
  const { prepareCodes, prepareComparison, prepareUniform } = binding.check as Required<
    typeof binding.check
  >;
  const findings = device.allocate(MOST_QUESTIONS * NATIVE_FINDINGS_BYTES);
  const copied = device.pinned(MOST_QUESTIONS * NATIVE_FINDINGS_BYTES);
  const view = new DataView(copied.array.buffer, copied.array.byteOffset);
  /** Expected results in device memory, and where they are staged. */
  let memory: DeviceMemory | undefined;
  let staged: PinnedMemory | undefined;
  const room = (bytes: number): { memory: DeviceMemory; staged: PinnedMemory } => {
    if (!memory || !staged || memory.bytes < bytes) {
      memory?.close();
      staged?.close();
      memory = device.allocate(bytes);
      staged = device.pinned(bytes);
    }
    return { memory, staged };
  };
  const checker = ({ streams, idle }: CheckerContext): Checker => {
    const stream = streams[0]!;
    const { ordinal } = device;
    let expected: ResultBytes = {};
    const places = new Map<string, RankPlace>();
    /** Launches of earlier rounds by what they look at; each keeps its slot of the findings. */
    const known = new Map<string, { launch: DeviceLaunch; slot: number }>();
    const made = new Map<string, DeviceLaunch>();
    const expectedAt = (name: string): RankPlace => places.get(name)!;
    const launchOf = (
      question: Question,
    ): { launch: DeviceLaunch; slot: number; count: number } => {
      const { found } = question;
      if (question.kind === 'byte') {
        const { behind, byte, bytes } = question;
        const key = `byte ${keyOf(found)} ${behind} ${byte} ${bytes}`;
        return {
          ...slotted(key, (place) =>
            prepareUniform(ordinal, { place: found, behind, bytes, byte, findings: place }),
          ),
          count: bytes,
        };
      }
      const { output, dtype, bytes, scaled } = question;
      const other = question.kind === 'same' ? question.as : expectedAt(output);
      const codes = dtype === 'f4e2m1fnx2' ? 2 * bytes : codesIn(dtype, bytes);
      const scales = question.kind === 'expected' ? scaled : undefined;
      const wanted = scales && expectedAt('scale');
      const key = `${dtype} ${bytes} ${keyOf(found)} ${keyOf(other)} ${
        scales && wanted
          ? `${scales.quant.scheme} ${scales.quant.scaleLayout} ${keyOf(wanted)}`
          : ''
      }`;
      return {
        ...slotted(key, (place) =>
          prepareComparison(ordinal, {
            format: dtype as NativeComparison['format'],
            codes,
            found,
            expected: other,
            findings: place,
            poison: POISON,
            ...(scales && wanted
              ? {
                  scaled: {
                    hidden: scales.hidden,
                    group: scales.quant.groupSize ?? scales.hidden,
                    dtype: scales.quant.scaleDtype as 'f32' | 'f8e8m0fnu' | 'f8e4m3fn',
                    layout: scales.quant.scaleLayout,
                    bytes: scales.bytes,
                    found: scales.place,
                    expected: wanted,
                  },
                }
              : {}),
          }),
        ),
        count: codes,
      };
    };
    const forget = (): void => {
      for (const { launch } of known.values()) launch.close();
      known.clear();
    };
    const forgetCodes = (): void => {
      for (const launch of made.values()) launch.close();
      made.clear();
    };
    const slotted = (key: string, prepare: (findings: RankPlace) => DeviceLaunch) => {
      const found = known.get(key);
      if (found) return found;
      const slot = known.size;
      const place = { rank: 0, memory: findings, offset: slot * NATIVE_FINDINGS_BYTES };
      const fresh = { launch: prepare(place), slot };
      known.set(key, fresh);
      return fresh;
    };
    return {
      write: async (to, bytes) => {
        streams[to.rank]!.write(to, bytes);
        await idle(to.rank);
      },
      read: async (from, bytes) => {
        const host = new Uint8Array(bytes);
        streams[from.rank]!.read(from, host);
        await idle(from.rank);
        return host;
      },
      generate: (to: RankPlace, spec: CodesSpec) => {
        const key = `${keyOf(to)} ${JSON.stringify(spec)}`;
        if (made.size >= MOST_CODES) forgetCodes();
        const launch = made.get(key) ?? prepareCodes(ordinal, { ...spec, out: to });
        made.set(key, launch);
        streams[to.rank]!.enqueue(launch, spec.rows);
      },
      expect: (results) => {
        if (results === expected) return;
        expected = results;
        places.clear();
        let offset = 0;
        const { memory: to, staged: from } = room(
          Object.values(results).reduce((sum, { length }) => sum + length + ALIGNMENT, 0),
        );
        for (const [name, bytes] of Object.entries(results)) {
          from.array.set(bytes, offset);
          places.set(name, { rank: 0, memory: to, offset });
          offset += Math.ceil(bytes.length / ALIGNMENT) * ALIGNMENT;
        }
        stream.write({ memory: to, offset: 0 }, from.array.subarray(0, offset));
      },
      ask: async (questions) => {
        if (known.size + questions.length > MOST_QUESTIONS) forget();
        const launches = questions.map(launchOf);
        const used = known.size * NATIVE_FINDINGS_BYTES;
        stream.fill({ memory: findings, offset: 0 }, 0, used);
        for (const { launch, count } of launches) stream.enqueue(launch, count);
        stream.read({ memory: findings, offset: 0 }, copied.array.subarray(0, used));
        await idle(0);
        return launches.map(({ slot, count }) =>
          readFindings(view, slot * NATIVE_FINDINGS_BYTES, count),
        );
      },
      close: () => {
        forget();
        forgetCodes();
      },
    };
  };
  return {
    checker,
    close: () => {
      memory?.close();
      staged?.close();
      findings.close();
      copied.close();
    },
  };
}
