import { createHash } from 'node:crypto';
import { normLaunch } from '@arfuse/native';
import { hostChain } from '../host-chain.mjs';
import { hopErrors, valuesOf } from './hop-bound.mjs';

/** @typedef {import('@arfuse/runtime').Executor} Executor */
/** @typedef {import('@arfuse/contract').SiteClass} SiteClass */
/** @typedef {import('@arfuse/contract').SiteOutput} SiteOutput */

const POISON = 0xa5;

/** What was found over all launches of a site. */
export class Findings {
  passed = 0;
  /** Largest error as a part of its bound. */
  worst = 0;
  /** @type {Map<number, number>} */
  ulps = new Map();
  /** @type {string[]} */
  failures = [];
}

/** The first site of a plan on this rank: filled with fresh inputs, launched, and its results checked. */
export class NcclSite {
  #id = 0;
  /** @type {import('@arfuse/runtime').SiteBuffers} */
  #buffers;
  /** @type {{ inputs: import('@arfuse/runtime').InputBytes, expected: import('@arfuse/runtime').OutputBytes, rows: number } | undefined} */
  #given;

  /**
   * @param {{ executor: Executor, group: import('@arfuse/runtime').Group,
   *   arithmetic: import('@arfuse/native').NativeArithmetic, findings: Findings }} parts
   */
  constructor(parts) {
    this.parts = parts;
    this.site = /** @type {SiteClass} */ (parts.executor.plan.classes[0]);
    this.numerics = /** @type {import('@arfuse/contract').NumericsRecord} */ (
      parts.executor.plan.decisions[0]?.segments[0]?.numerics
    );
    this.#buffers = parts.executor.allocateSite('s0');
    this.#id = parts.executor.bind('s0', this.#buffers);
  }

  get id() {
    return this.#id;
  }

  /** Fresh inputs, the same at all ranks but for the partial, and poisoned outputs. @param {number} rows @param {number} seed */
  async fill(rows, seed) {
    const { executor, group, arithmetic } = this.parts;
    const given = hostChain(arithmetic, this.site, this.numerics, {
      ranks: group.size,
      rows,
      seed,
    });
    this.#given = { ...given, rows };
    const partials = /** @type {readonly Uint8Array[]} */ (given.inputs.partials[group.rank]);
    for (const [i, buffer] of this.#buffers.partials.entries())
      await executor.write(buffer, /** @type {Uint8Array} */ (partials[i]));
    for (const [name, buffer] of Object.entries(this.#buffers.inputs)) {
      const bytes = given.inputs.shared[/** @type {'residual'} */ (name)];
      if (bytes) await executor.write(buffer, bytes);
    }
    for (const buffer of Object.values(this.#buffers.outputs))
      await executor.write(buffer, new Uint8Array(buffer.bytes).fill(POISON));
  }

  /** Checks what a launch left, together with all ranks. @param {string} what */
  async check(what) {
    const { executor, group, findings } = this.parts;
    const { expected } = this.#filled();
    const hash = createHash('sha256');
    /** @type {Partial<Record<SiteOutput, Uint8Array>>} */
    const found = {};
    let stray = '';
    for (const [name, buffer] of Object.entries(this.#buffers.outputs)) {
      const bytes = await executor.read(buffer);
      const { length } = /** @type {Uint8Array} */ (expected[/** @type {SiteOutput} */ (name)]);
      if (bytes.subarray(length).some((byte) => byte !== POISON))
        stray = `something was written behind "${name}"`;
      found[/** @type {SiteOutput} */ (name)] = bytes.subarray(0, length);
      hash.update(bytes);
    }
    const digests = await group.exchange(hash.digest());
    const own = /** @type {Uint8Array} */ (digests[group.rank]);
    const other = digests.findIndex((digest) => Buffer.compare(digest, own) !== 0);
    const fault =
      stray ||
      (other >= 0 ? `ranks ${group.rank} and ${other} differ` : '') ||
      // All ranks hold the same bytes then.
      (group.rank === 0 ? this.#fault(found) : '');
    if (fault === '') findings.passed += 1;
    else findings.failures.push(`${what}: ${fault}`);
  }

  #filled() {
    if (this.#given) return this.#given;
    throw new Error('the site was not filled');
  }

  /** @param {Partial<Record<SiteOutput, Uint8Array>>} found */
  #fault(found) {
    const { site } = this;
    const { expected } = this.#filled();
    if (this.parts.group.size === 2) {
      // Two summands have one order and one rounding.
      for (const name of site.outputs)
        if (
          Buffer.compare(
            /** @type {Uint8Array} */ (found[name]),
            /** @type {Uint8Array} */ (expected[name]),
          ) !== 0
        )
          return `"${name}" differs`;
      return '';
    }
    const summed = found.residual ?? found.all_reduce;
    if (!summed) return 'no sum leaves the site';
    return this.#sumFault(summed) || (found.norm && found.residual ? this.#normFault(found) : '');
  }

  /** The sum, with the residual where the site has one. @param {Uint8Array} bytes */
  #sumFault(bytes) {
    const { findings } = this.parts;
    const { inputs } = this.#filled();
    const dtype = this.site.dtype;
    const residual = inputs.shared.residual;
    const { beyond, worst, ulps } = hopErrors({
      dtype,
      partials: inputs.partials.map((of) => valuesOf(dtype, /** @type {Uint8Array} */ (of[0]))),
      residual: residual && valuesOf(dtype, residual),
      found: valuesOf(dtype, bytes),
    });
    findings.worst = Math.max(findings.worst, worst);
    for (const [distance, count] of ulps)
      findings.ulps.set(distance, (findings.ulps.get(distance) ?? 0) + count);
    return beyond < 0 ? '' : `element ${beyond} of the sum is beyond its bound`;
  }

  /** The norm of the sum as it was found, which is bit for bit what the host makes of it. @param {Partial<Record<SiteOutput, Uint8Array>>} found */
  #normFault(found) {
    const { site, numerics } = this;
    const { inputs, rows } = this.#filled();
    const codes = (/** @type {Uint8Array} */ bytes) => {
      const copy = bytes.slice();
      return site.dtype === 'f32' ? new Uint32Array(copy.buffer) : new Uint16Array(copy.buffer);
    };
    const out = new Uint8Array(/** @type {Uint8Array} */ (found.norm).length);
    // A launch on the host has arrays where one on the GPU has places.
    const step = /** @type {import('@arfuse/contract').BoundStep} */ (
      /** @type {unknown} */ ({
        kernel: '@arfuse/native/norm',
        stages: site.stages.filter(({ kind }) => kind === 'norm'),
        outputs: ['norm'],
        numerics,
        hidden: site.hidden,
        dtype: site.dtype,
        rows: { min: rows, max: rows },
        inputs: [codes(/** @type {Uint8Array} */ (found.residual))],
        results: { norm: codes(out) },
        weight: codes(/** @type {Uint8Array} */ (inputs.shared.weight)),
      })
    );
    const launch = /** @type {import('@arfuse/native').NativeNormLaunch} */ (
      /** @type {unknown} */ (normLaunch(step))
    );
    this.parts.arithmetic.norm(launch);
    const expected = /** @type {NodeJS.TypedArray} */ (launch.norm?.out);
    const bytes = new Uint8Array(expected.buffer, expected.byteOffset, expected.byteLength);
    return Buffer.compare(bytes, /** @type {Uint8Array} */ (found.norm)) === 0
      ? ''
      : 'the norm is not that of the sum that was found';
  }

  close() {
    for (const buffer of [
      ...this.#buffers.partials,
      ...Object.values(this.#buffers.inputs),
      ...Object.values(this.#buffers.outputs),
    ])
      buffer.close();
  }
}
