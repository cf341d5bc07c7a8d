import {
  type Plan,
  PlanError,
  type PlanSegment,
  requireSpecificationVersion,
} from '@arfuse/contract';
import { checkTarget } from '../target/check-target.ts';
import { planHash } from './hash.ts';
import { isPlanDocument, planProblem } from './plan-schema.ts';

/** Where a plan comes from, for errors. */
export interface ParsePlanOptions {
  /** Name for messages: a path, or `<stdin>`. */
  readonly file?: string;
}

/** RFC 6901. */
export function jsonPointer(path: readonly PropertyKey[]): string {
  return path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

class PlanReader {
  readonly #file: string | undefined;

  constructor(file: string | undefined) {
    this.#file = file;
  }

  fail(
    path: readonly PropertyKey[],
    message: string,
    hint: string,
    details: Readonly<Record<string, unknown>> = {},
  ): never {
    throw new PlanError({
      message,
      hint,
      place: {
        ...(this.#file === undefined ? {} : { file: this.#file }),
        pointer: jsonPointer(path),
      },
      details,
    });
  }

  json(source: string): unknown {
    try {
      return JSON.parse(source);
    } catch (cause) {
      throw new PlanError({
        message: `the plan is no JSON: ${(cause as Error).message}.`,
        hint: 'Give the file that `arfuse plan --out` wrote.',
        ...(this.#file === undefined ? {} : { place: { file: this.#file } }),
        cause,
      });
    }
  }

  #tiles(path: readonly PropertyKey[], segments: readonly PlanSegment[], max: number): void {
    let next = 1;
    segments.forEach(({ tokens: [low, high] }, i) => {
      if (low !== next || high < low) {
        this.fail(
          [...path, i, 'tokens'],
          `the segment is [${low}, ${high}], and must start at ${next}.`,
          MADE_AGAIN,
        );
      }
      next = high + 1;
    });
    if (next !== max + 1)
      this.fail(
        path,
        `the segments end at ${next - 1}, the target's tokens at ${max}.`,
        MADE_AGAIN,
      );
  }

  /** What the schema cannot say: references, tiling, counts. */
  check(plan: Plan): void {
    const classes = new Set(plan.classes.map(({ id }) => id));
    const known = (path: readonly PropertyKey[], id: string): void => {
      if (!classes.has(id)) this.fail(path, `class "${id}" does not exist.`, MADE_AGAIN);
    };
    checkTarget(plan.target);
    for (const [i, site] of plan.sites.entries()) known(['sites', i, 'class'], site.class);
    for (const [i, fused] of plan.alreadyFused.entries())
      known(['alreadyFused', i, 'class'], fused.class);
    plan.decisions.forEach((decision, i) => {
      known(['decisions', i, 'class'], decision.class);
      this.#tiles(['decisions', i, 'segments'], decision.segments, plan.target.tokens.max);
    });
    for (const [i, entry] of (plan.plain ?? []).entries()) {
      this.#tiles(['plain', i, 'segments'], entry.segments, plan.target.tokens.max);
    }
    const { allReduces, sites, merged, plain } = plan.summary;
    if (allReduces !== merged * 2 + (sites - merged) + plain) {
      this.fail(
        ['summary'],
        `${allReduces} all-reduces are not ${merged} merged pairs, ${sites - merged} other sites and ${plain} plain ones.`,
        MADE_AGAIN,
      );
    }
    const found = planHash(plan);
    if (found !== plan.hash) {
      this.fail(
        ['hash'],
        `the plan's hash is ${plan.hash}, its content has ${found}.`,
        'It was changed after it was made. Plan again, or seal it with sealPlan() if the change is meant.',
        { expected: plan.hash, found },
      );
    }
  }
}

const MADE_AGAIN = 'Make the plan again.';

/**
 * Reads a plan from its text or its value, strictly.
 * @throws PlanError with a JSON pointer; SpecificationVersionError for a version that this release does not know
 */
export function parsePlan(source: unknown, options: ParsePlanOptions = {}): Plan {
  const reader = new PlanReader(options.file);
  const document = typeof source === 'string' ? reader.json(source) : source;
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    reader.fail([], 'a plan is a JSON object.', 'Give the file that `arfuse plan --out` wrote.');
  }
  const { kind, specificationVersion } = document as {
    kind?: unknown;
    specificationVersion?: unknown;
  };
  if (kind !== 'arfuse.plan') {
    reader.fail(
      ['kind'],
      `kind is ${JSON.stringify(kind)}, not "arfuse.plan".`,
      'Give the file that `arfuse plan --out` wrote.',
    );
  }
  requireSpecificationVersion('the plan', specificationVersion);
  if (!isPlanDocument(document)) {
    const { path, message } = planProblem(document)!;
    return reader.fail(path, `${message}.`.replace(/\.+$/, '.'), MADE_AGAIN);
  }
  reader.check(document);
  return document;
}
