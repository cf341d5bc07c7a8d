import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  equalBytes,
  macOf,
  proofOf,
  secretRefused,
  sessionKeys,
} from '../../src/wire/authentication.ts';
import { decodeFault, encodeFault, errorOf, type Fault, faultOf } from '../../src/wire/fault.ts';
import { encodeHeader, HEADER_BYTES, KIND } from '../../src/wire/frame.ts';
import { FrameReader } from '../../src/wire/frame-reader.ts';

const message = (sequence: number, payload: Uint8Array): Buffer =>
  Buffer.concat([
    encodeHeader({ kind: KIND.hello, authenticated: false, sequence, length: payload.length }),
    payload,
  ]);

function readAll(chunks: Iterable<Buffer>, maxBytes = 1000): Buffer[] {
  const reader = new FrameReader('rank 1', maxBytes);
  const payloads: Buffer[] = [];
  for (const chunk of chunks) {
    reader.push(chunk);
    for (let frame = reader.next(); frame; frame = reader.next()) payloads.push(frame.payload);
  }
  return payloads;
}

describe('frames', () => {
  it('come out as they went in, however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 80 }), { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }),
        (payloads, cuts) => {
          const stream = Buffer.concat(payloads.map((payload, i) => message(i, payload)));
          const chunks: Buffer[] = [];
          for (let at = 0, i = 0; at < stream.length; i += 1) {
            const end = at + cuts[i % cuts.length]!;
            chunks.push(stream.subarray(at, end));
            at = end;
          }
          expect(readAll(chunks).map((payload) => [...payload])).toEqual(
            payloads.map((payload) => [...payload]),
          );
        },
      ),
    );
  });

  it('any bytes are messages or a protocol error, never another error', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 60 })),
        fc.nat({ max: HEADER_BYTES - 1 }),
        fc.nat({ max: 255 }),
        (chunks, at, value) => {
          const start = message(0, new Uint8Array(4));
          start[at] = value;
          try {
            readAll([start, ...chunks.map((chunk) => Buffer.from(chunk))]);
          } catch (error) {
            expect(error).toMatchObject({ code: 'ARFUSE_PROTOCOL' });
          }
        },
      ),
    );
  });

  it.each<[string, (bytes: Buffer) => unknown, string]>([
    ['another magic', (bytes) => bytes.write('HTTP'), 'begin with 0x48545450'],
    ['another version', (bytes) => bytes.writeUInt16BE(9, 4), 'protocol version 9; expected was'],
    ['another kind', (bytes) => bytes.writeUInt8(77, 6), 'unknown kind 77'],
    ['unknown flags', (bytes) => bytes.writeUInt8(8, 7), 'flags 8'],
    ['a skipped number', (bytes) => bytes.writeUIntBE(5, 8, 6), 'message number 5; expected was'],
    ['reserved bytes', (bytes) => bytes.writeUInt16BE(1, 14), 'reserved bytes 1'],
    ['too long', (bytes) => bytes.writeUInt32BE(1001, 16), '1001 bytes; expected was at most 1000'],
  ])('%s is refused', (_, spoil, text) => {
    const bytes = message(0, new Uint8Array());
    spoil(bytes);
    expect(() => readAll([bytes])).toThrow(text);
    expect(() => readAll([bytes])).toThrow('rank 1 sent');
  });

  it('a wrong beginning is refused before a header is whole', () => {
    expect(() => readAll([Buffer.from('GET')])).toThrow('0x474554');
    expect(readAll([Buffer.from('AR')])).toEqual([]);
  });
});

describe('authentication', () => {
  const transcript = { hello: Buffer.from('hello'), challenge: Buffer.from('challenge') };

  it('proofs depend on secret, side and all that was said', () => {
    const proof = proofOf('secret', 'member', transcript);
    const others = [
      proofOf('Secret', 'member', transcript),
      proofOf('secret', 'coordinator', transcript),
      proofOf('secret', 'member', { ...transcript, hello: Buffer.from('hellO') }),
      proofOf('secret', 'member', { ...transcript, challenge: Buffer.from('Challenge') }),
      proofOf('secret', 'member', {
        hello: Buffer.from('helloc'),
        challenge: Buffer.from('hallenge'),
      }),
    ];
    expect(equalBytes(proof, proofOf('secret', 'member', transcript))).toBe(true);
    for (const other of others) expect(equalBytes(proof, other)).toBe(false);
    expect(equalBytes(proof, Buffer.alloc(0))).toBe(false);
  });

  it('one side sends with the key that the other receives with, and never its own', () => {
    const coordinator = sessionKeys('secret', 'coordinator', transcript);
    const member = sessionKeys('secret', 'member', transcript);
    expect(coordinator.send).toEqual(member.receive);
    expect(coordinator.receive).toEqual(member.send);
    expect(coordinator.send).not.toEqual(coordinator.receive);
  });

  it('codes cover header and payload', () => {
    const key = Buffer.alloc(32, 1);
    const code = macOf(key, Buffer.from('head'), Buffer.from('body'));
    expect(macOf(key, Buffer.from('heaD'), Buffer.from('body'))).not.toEqual(code);
    expect(macOf(key, Buffer.from('head'), Buffer.from('bodY'))).not.toEqual(code);
  });

  it('a refusal says what to set', () => {
    expect(secretRefused('rank 1', 'only there').message).toBe(
      'rank 1 has ARFUSE_RENDEZVOUS_SECRET and this rank has none. ' +
        'Set ARFUSE_RENDEZVOUS_SECRET to the same text for all ranks, or for none.',
    );
  });
});

describe('faults', () => {
  const fault: Fault = {
    code: 'ARFUSE_DEADLINE',
    message: 'late.',
    hint: 'Wait.',
    details: { missing: [1] },
  };

  it('are the same error at the other side', () => {
    const error = errorOf(fault);
    expect(error.message).toBe('late. Wait.');
    expect(faultOf(error)).toEqual(fault);
    expect(decodeFault(encodeFault(fault))).toEqual(fault);
  });

  it('are cut when they are too long, and refused when they are none', () => {
    const long = { ...fault, details: { text: 'x'.repeat(100_000) } };
    expect(decodeFault(encodeFault(long))).toEqual({ ...fault, details: {} });
    for (const text of ['', '{', 'null', '{}', '{"code":"toString","message":"x"}']) {
      expect(decodeFault(Buffer.from(text)), text).toBeUndefined();
    }
  });
});
