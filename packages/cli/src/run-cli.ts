import { CommanderError } from 'commander';
import { printJson } from './output/json.ts';
import { createProgram } from './program.ts';
import { EXIT } from './system/exit-code.ts';
import { processStreams, type Streams } from './system/streams.ts';

/** What an embedding program or a test gives instead of the process's own streams and environment. */
export type RunCliOptions = Partial<Streams>;

/** An error as the document of `--json`. */
interface Failure {
  readonly code: string;
  readonly message: string;
}

async function describe(error: unknown): Promise<Failure> {
  // Loaded only now: `--help` and `--version` need no more than the parser.
  const { ArfuseError } = await import('@arfuse/contract');
  if (ArfuseError.isInstance(error))
    return { ...error.toJSON(), code: error.code, message: error.message };
  if (error instanceof CommanderError) {
    const message = error.code === 'commander.help' ? 'no command.' : error.message;
    return { code: 'ARFUSE_USAGE', message: message.replace(/^error: /, '') };
  }
  return {
    code: 'ARFUSE_INTERNAL',
    message: `${error instanceof Error ? error.message : String(error)}. This is a defect of arfuse; DEBUG=arfuse prints where.`,
  };
}

async function report(
  error: unknown,
  json: boolean,
  { stdout, stderr, env }: Streams,
): Promise<void> {
  const failure = await describe(error);
  if (json) stdout.write(printJson({ error: failure }));
  stderr.write(`error ${failure.code}: ${failure.message}\n`);
  if (error instanceof CommanderError) stderr.write('(--help lists commands and options)\n');
  else if (env.DEBUG === 'arfuse' && error instanceof Error) stderr.write(`${error.stack}\n`);
}

/**
 * Runs one command line, as the program `arfuse` does.
 * @param argv - arguments without the names of Node and of the program
 * @returns the exit code: 0 fine, 1 a check failed, 2 bad usage or bad input, 3 no GPU to run on, 130 ended by Ctrl-C
 */
export async function runCli(
  argv: readonly string[],
  options: RunCliOptions = {},
): Promise<number> {
  const streams = processStreams(options);
  let code: number = EXIT.fine;
  try {
    const program = createProgram(streams, (result) => {
      code = result;
    });
    await program.parseAsync([...argv], { from: 'user' });
    return code;
  } catch (error) {
    // `--help` and `--version` end the parse by an error, too.
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.fine;
    await report(error, argv.includes('--json'), streams);
    return EXIT.badInput;
  }
}
