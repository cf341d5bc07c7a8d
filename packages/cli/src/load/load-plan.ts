import { open, readFile } from 'node:fs/promises';
import { IoError, type Plan } from '@arfuse/contract';
import { parsePlan } from '@arfuse/core';
import type { TextInput } from '../system/streams.ts';

/** Plans are JSON objects that say so. */
const PLAN_KIND = /"kind"\s*:\s*"arfuse\.plan"/;

/** A plan's text, or the bytes of standard input, which are read once. */
export type PlanOrBytes = { readonly text: string } | { readonly bytes?: Uint8Array };

const startsAsObject = (bytes: Uint8Array): boolean =>
  /^\ufeff?\s*\{/.test(new TextDecoder().decode(bytes.subarray(0, 64)));

async function firstBytes(path: string): Promise<Uint8Array> {
  const file = await open(path);
  try {
    if (!(await file.stat()).isFile()) return new Uint8Array();
    const { buffer, bytesRead } = await file.read(new Uint8Array(64), 0, 64, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** All bytes of standard input. */
export async function readAll(stdin: TextInput): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stdin) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/**
 * Whether a source is a plan, by content; its text when it is. What is no readable file is no plan: the importer
 * says what is wrong with it.
 */
export async function readPlanText(path: string, stdin: TextInput): Promise<PlanOrBytes> {
  if (path === '-') {
    const bytes = await readAll(stdin);
    if (!startsAsObject(bytes)) return { bytes };
    const text = new TextDecoder().decode(bytes);
    return PLAN_KIND.test(text) ? { text } : { bytes };
  }
  const start = await firstBytes(path).catch(() => new Uint8Array());
  if (!startsAsObject(start)) return {};
  const text = await readFile(path, 'utf8');
  return PLAN_KIND.test(text) ? { text } : {};
}

/** Name of a source in messages. */
export const sourceName = (path: string): string => (path === '-' ? '<stdin>' : path);

/**
 * Reads a plan and checks its hash.
 * @throws IoError, PlanError, SpecificationVersionError
 */
export async function loadPlan(path: string, stdin: TextInput): Promise<Plan> {
  const text = await (path === '-'
    ? readAll(stdin).then((bytes) => new TextDecoder().decode(bytes))
    : readFile(path, 'utf8')
  ).catch((cause: Error) => {
    throw new IoError({
      message: `cannot read "${path}": ${cause.message}.`,
      hint: 'Give the path of a plan that `arfuse plan --out` wrote.',
      details: { path },
      cause,
    });
  });
  return parsePlan(text, { file: sourceName(path) });
}
