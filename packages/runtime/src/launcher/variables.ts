import { LaunchError } from '@arfuse/contract';

/** An environment, such as `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A variable's text without surrounding blanks; an empty variable counts as missing. */
export function textOf(env: Environment, name: string): string | undefined {
  const text = env[name]?.trim();
  return text === '' ? undefined : text;
}

/**
 * A variable that holds an integer of a range; undefined when it is missing.
 * @throws LaunchError
 */
export function integerOf(
  env: Environment,
  name: string,
  range: { min: number; max: number },
): number | undefined {
  const text = textOf(env, name);
  if (text === undefined) return undefined;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= range.min && value <= range.max) return value;
  throw new LaunchError({
    message: `${name} is ${JSON.stringify(text)}, which is no integer from ${range.min} to ${range.max}.`,
    hint: 'Correct it where the process is started; torchrun, mpirun and srun set it themselves.',
    details: { variable: name, value: text, ...range },
  });
}

/** The refusal of a variable that must be there. */
export function missing(name: string, why: string, hint: string): LaunchError {
  return new LaunchError({
    message: `${name} is not set, ${why}.`,
    hint,
    details: { variable: name },
  });
}

/** The refusal of two variables that cannot both be right. */
export function contradiction(
  first: readonly [name: string, value: string | number],
  second: readonly [name: string, value: string | number],
  why: string,
  hint: string,
): LaunchError {
  return new LaunchError({
    message: `${first[0]} is ${first[1]} and ${second[0]} is ${second[1]}: ${why}.`,
    hint,
    details: { variables: { [first[0]]: first[1], [second[0]]: second[1] } },
  });
}
