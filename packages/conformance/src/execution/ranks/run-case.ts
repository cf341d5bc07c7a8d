import { findStage, itemsize, type SiteOutput } from '@arfuse/contract';
import type { ResultBytes } from '@arfuse/reference';
import { type ExecutionCase, type Expect, referenceExpect } from '../cases/expected.ts';
import { scaleByteCount } from '../cases/scale-places.ts';
import { type Bound, boundsOf, outputDtype, sumIsOpen } from '../judging/bounds.ts';
import type { Answer, Checker, Question, RankPlace, ResultCodes } from '../judging/checker.ts';
import { type Distances, measure, POISON } from '../judging/distances.ts';
import type { Fault } from '../judging/rules.ts';
import { GUARD_BYTE, type Stand } from './stand.ts';

/** What a case is run with. */
export interface CaseRunner {
  readonly stand: Stand;
  readonly checker: Checker;
  readonly expect: Expect;
  /** Whether a kernel, by id, adds in the reference's own order. */
  readonly exact: (kernel: string) => boolean;
  /** Launches of each kind. */
  readonly repeats: number;
  /** Bytes behind each result that are poisoned and looked at. */
  readonly watched: number;
  /** Most rows that are looked at of what follows a first norm that is not exact. */
  readonly sampled: number;
  /** Adds distances to a histogram by name. */
  count(output: SiteOutput, bound: Bound, distances: Distances): void;
}

/** How a case is launched: an id by rank, eagerly or as a captured step. */
export interface CaseLaunch {
  readonly bindings: readonly number[];
  readonly steps: readonly number[];
}

/** Bytes of a result of so many rows. */
export function resultBytes({ site, tokens }: ExecutionCase, output: SiteOutput): number {
  const quant = findStage(site.stages, 'quant');
  if (output === 'scale') return quant ? scaleByteCount(quant, tokens, site.hidden) : 0;
  const elements = tokens * site.hidden;
  if (output === 'quant' && quant)
    return quant.outputDtype === 'f4e2m1fnx2' ? elements / 2 : elements;
  return elements * itemsize(site.dtype);
}

const sorted = (bytes: Uint8Array): Uint8Array => bytes.slice().sort();

/** Runs one case: poisoned, launched eagerly and as a graph, each so often, and everything looked at. */
export class CaseRun {
  readonly #case: ExecutionCase;
  readonly #runner: CaseRunner;
  readonly #bounds: ReadonlyMap<SiteOutput, Bound>;
  readonly #outputs: readonly SiteOutput[];

  constructor(asked: ExecutionCase, runner: CaseRunner) {
    this.#case = asked;
    this.#runner = runner;
    this.#bounds = boundsOf(asked, runner.exact);
    this.#outputs = asked.site.outputs.filter((output) => resultBytes(asked, output) > 0);
  }

  /** @returns every broken rule, the first time that it is broken */
  async run(launch: CaseLaunch): Promise<Fault[]> {
    const { checker, expect, repeats } = this.#runner;
    const expected = await expect(this.#case);
    await checker.expect(expected);
    const faults: Fault[] = [];
    for (let run = 0; run < 2 * repeats && faults.length === 0; run += 1) {
      const graph = run >= repeats;
      const how = `launch ${run + 1}, ${graph ? 'as a graph' : 'eager'}`;
      for (const fault of await this.#attempt(launch, graph, expected, run))
        faults.push({ ...fault, found: `${how}: ${fault.found}` });
    }
    return faults;
  }

  /** One launch, eager or as a graph. @returns every broken rule */
  async once(launch: CaseLaunch, graph: boolean): Promise<Fault[]> {
    const expected = await this.#runner.expect(this.#case);
    await this.#runner.checker.expect(expected);
    return await this.#attempt(launch, graph, expected, 0);
  }

  async #attempt(
    launch: CaseLaunch,
    graph: boolean,
    expected: ResultBytes,
    run: number,
  ): Promise<Fault[]> {
    this.#poison();
    await this.#launch(launch, graph);
    return await this.#look(expected, run);
  }

  #poison(): void {
    const { stand } = this.#runner;
    for (let rank = 0; rank < stand.size; rank += 1)
      for (const output of this.#outputs)
        stand.streams[rank]!.fill(
          stand.place(rank, `${output} out`),
          POISON,
          this.#watchedEnd(output),
        );
  }

  async #launch({ bindings, steps }: CaseLaunch, graph: boolean): Promise<void> {
    const { stand } = this.#runner;
    if (graph) stand.step(steps, this.#case.tokens);
    else stand.launch(bindings, this.#case.tokens);
    await stand.sync();
  }

  #watchedEnd(output: SiteOutput): number {
    const slot = this.#runner.stand.slots.get(`${output} out`)!;
    return Math.min(slot.bytes, resultBytes(this.#case, output) + this.#runner.watched);
  }

  #codes(output: SiteOutput): ResultCodes {
    const { site, tokens } = this.#case;
    const quant = findStage(site.stages, 'quant');
    const bytes = resultBytes(this.#case, output);
    const codes = { output, dtype: outputDtype(site, output), bytes };
    const loose = output === 'quant' && this.#bounds.get(output)!.ulps > 0;
    if (!quant || !loose || !this.#outputs.includes('scale')) return codes;
    const place = this.#place(0, 'scale');
    const scaled = { quant, hidden: site.hidden, rows: tokens, place };
    return { ...codes, scaled: { ...scaled, bytes: resultBytes(this.#case, 'scale') } };
  }

  #place(rank: number, output: SiteOutput): RankPlace {
    return this.#runner.stand.place(rank, `${output} out`);
  }

  /** Everything that a launch may have done wrong. */
  async #look(expected: ResultBytes, run: number): Promise<Fault[]> {
    const { stand, checker, count } = this.#runner;
    const questions: Question[] = [];
    const judges: ((answer: Answer) => Promise<Fault | undefined> | Fault | undefined)[] = [];
    const ask = (question: Question, judge: (typeof judges)[number]): void => {
      questions.push(question);
      judges.push(judge);
    };
    // What follows from a first norm that may be one step off is computed from the one that was found.
    const follows = (this.#bounds.get('pre_norm')?.ulps ?? 0) > 0;
    for (const output of this.#outputs) {
      const bound = this.#bounds.get(output)!;
      const codes = this.#codes(output);
      const found = this.#place(0, output);
      if (!follows || output === 'pre_norm')
        ask({ kind: 'expected', found, ...codes }, async (answer) => {
          count(output, bound, answer);
          return await this.#judge(output, bound, answer, 0, expected);
        });
      for (let rank = 1; rank < stand.size; rank += 1)
        ask(
          { kind: 'same', found: this.#place(rank, output), as: found, ...codes },
          ({ different, unwritten, first }) => {
            if (unwritten > 0)
              return {
                rule: 'written',
                found: `"${output}" is not written at rank ${rank}, from element ${first.unwritten} on`,
              };
            return different > 0
              ? {
                  rule: 'ranks',
                  found: `"${output}" differs in ${different} elements between ranks 0 and ${rank}`,
                }
              : undefined;
          },
        );
    }
    this.#askOutside(ask, run === 2 * this.#runner.repeats - 1);
    const answers = await checker.ask(questions);
    const faults: Fault[] = [];
    for (const [i, answer] of answers.entries()) {
      const fault = await judges[i]!(answer);
      if (fault && !faults.some(({ rule }) => rule === fault.rule)) faults.push(fault);
    }
    if (faults.length > 0) return faults;
    const more = follows && run === 0 ? await this.#lookBehindPreNorm() : undefined;
    const drifted = more ?? (await this.#lookAtFirst(run));
    return drifted ? [drifted] : [];
  }

  async #judge(
    output: SiteOutput,
    { ulps, why }: Bound,
    { unwritten, lostNan, worst, first, codes }: Answer,
    rank: number,
    expected: ResultBytes,
  ): Promise<Fault | undefined> {
    const { checker } = this.#runner;
    if (unwritten > 0)
      return {
        rule: 'written',
        found: `"${output}": ${unwritten} of ${codes} elements are not written, the first is ${first.unwritten}`,
      };
    if (lostNan > 0)
      return {
        rule: 'nan',
        found: `"${output}": ${lostNan} elements are numbers where a NaN belongs, the first is ${first.lostNan}`,
      };
    if (worst <= ulps) return undefined;
    if (output === 'scale') {
      const found = await checker.read(this.#place(rank, output), expected.scale!.length);
      if (Buffer.compare(sorted(found), sorted(expected.scale!)) === 0)
        return { rule: 'layout', found: 'the scales are right and lie in another order' };
    }
    return {
      rule: 'right',
      found: `"${output}" is ${worst} ULP off at element ${first.worst}; ${ulps} are allowed, since ${why}`,
    };
  }

  /** @param guards - whether the guard bands are looked at too: what a launch wrote there is still there after the last one */
  #askOutside(
    ask: (question: Question, judge: (answer: Answer) => Fault | undefined) => void,
    guards: boolean,
  ): void {
    const { stand } = this.#runner;
    const outside =
      (rank: number, what: string) =>
      ({ different, first }: Answer): Fault | undefined =>
        different === 0
          ? undefined
          : {
              rule: 'inside',
              found: `rank ${rank} wrote ${different} bytes ${what}, the first ${first.worst} bytes behind`,
            };
    for (let rank = 0; rank < stand.size; rank += 1) {
      for (const output of this.#outputs) {
        const from = resultBytes(this.#case, output);
        const behind = from % 16;
        const bytes = this.#watchedEnd(output) - from;
        const found = stand.place(rank, `${output} out`, from - behind);
        if (bytes > 0)
          ask(
            { kind: 'byte', found, behind, bytes, byte: POISON },
            outside(rank, `behind the end of "${output}"`),
          );
      }
      if (!guards) continue;
      for (const { place, behind, bytes, after } of stand.guards(rank))
        ask(
          { kind: 'byte', found: place, behind, bytes, byte: GUARD_BYTE },
          outside(rank, after ? `behind the buffer "${after}"` : 'before the first buffer'),
        );
    }
  }

  /** Results that follow from a first norm, given the one that was found: of all rows, or of some where there are many. */
  async #lookBehindPreNorm(): Promise<Fault | undefined> {
    const { checker, expect, count, sampled } = this.#runner;
    const { tokens, seed } = this.#case;
    const rows = Math.min(tokens, sampled);
    const row = seed % (tokens - rows + 1);
    const some = { ...this.#case, row, tokens: rows };
    const read = async (output: SiteOutput): Promise<Uint8Array> => {
      const bytes = resultBytes({ ...some, tokens: row }, output);
      const behind = bytes % 16;
      const from = this.#runner.stand.place(0, `${output} out`, bytes - behind);
      return (await checker.read(from, behind + resultBytes(some, output))).subarray(behind);
    };
    const expected = await expect(some, await read('pre_norm'));
    for (const output of this.#outputs) {
      if (output === 'pre_norm') continue;
      const dtype = outputDtype(this.#case.site, output);
      const answer = measure(dtype, await read(output), expected[output]!);
      const bound = this.#bounds.get(output)!;
      count(output, bound, answer);
      const fault = await this.#judge(output, bound, answer, 0, expected);
      if (fault) return fault;
    }
    return undefined;
  }

  /** The same launch again, for kernels whose record gives the sum an order. */
  async #lookAtFirst(run: number): Promise<Fault | undefined> {
    if (sumIsOpen(this.#case)) return undefined;
    const { stand, checker } = this.#runner;
    const loose = this.#outputs.filter((output) => this.#bounds.get(output)!.ulps > 0);
    if (run === 0) {
      for (const output of loose)
        stand.streams[0]!.copy(
          stand.kept(`${output} out`),
          this.#place(0, output),
          resultBytes(this.#case, output),
        );
      return undefined;
    }
    const answers = await checker.ask(
      loose.map((output) => ({
        kind: 'same',
        found: this.#place(0, output),
        as: stand.kept(`${output} out`),
        ...this.#codes(output),
      })),
    );
    const drifted = loose.find((_, i) => answers[i]!.different > 0);
    if (!drifted) return undefined;
    return { rule: 'repeats', found: `"${drifted}" has other bits than after the first launch` };
  }
}

/** What a single launch is judged with; the defaults are those of a backend of one's own. */
export interface LaunchJudge
  extends Pick<CaseRunner, 'stand' | 'checker'>,
    Partial<Pick<CaseRunner, 'expect' | 'exact' | 'watched'>> {}

/** Runs one launch of a case, poisoned before and looked at afterwards. @returns every broken rule */
export async function judgeLaunch(
  asked: ExecutionCase,
  launch: CaseLaunch,
  graph: boolean,
  given: LaunchJudge,
): Promise<Fault[]> {
  const { stand, checker, watched = 2 ** 20 } = given;
  const { expect = referenceExpect, exact = () => false } = given;
  const once = { repeats: 1, sampled: 16, count: () => {} };
  return await new CaseRun(asked, { stand, checker, expect, exact, watched, ...once }).once(
    launch,
    graph,
  );
}
