import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { WIDTH } from './output/wrap.ts';
import type { Console } from './system/console.ts';
import type { Streams } from './system/streams.ts';

const { version } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
) as { version: string };

function positiveInteger(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < 1) {
    throw new InvalidArgumentError(`expected a whole number ≥ 1, received "${text}".`);
  }
  return value;
}

function wholeNumber(text: string): number {
  return text === '0' ? 0 : positiveInteger(text);
}

function positiveIntegers(text: string): number[] {
  return text.split(',').map(positiveInteger);
}

function tokenMix(text: string): { tokens: number; weight: number }[] {
  return text.split(',').map((item) => {
    const [, tokens, weight = '1'] = /^(\d+)(?::(\d+(?:\.\d+)?))?$/.exec(item.trim()) ?? [];
    if (tokens === undefined || Number(weight) <= 0)
      throw new InvalidArgumentError(`expected tokens:weight, received "${item}".`);
    return { tokens: Number(tokens), weight: Number(weight) };
  });
}

function commaList(text: string): string[] {
  return text.split(',').map((item) => item.trim());
}

const jsonOption = (): Option =>
  new Option('--json', 'print one JSON document on standard output and nothing else');
const targetOption = (): Option =>
  new Option(
    '--target <target>',
    'where the plan runs, e.g. h200-sxm,world=8,tokens=8192,buckets=1:2:4:8',
  );
const configOption = (): Option =>
  new Option('--config <file>', 'configuration file (default: arfuse.config.{ts,mjs,js})');

const onOption = (by: 'gpu' | 'reference'): Option =>
  new Option('--on <devices>', "this machine's GPUs, or ranks that are simulated on the CPU")
    .choices(['gpu', 'reference'])
    .default(by);
const ranksPerDeviceOption = (): Option =>
  new Option(
    '--ranks-per-device <n>',
    'on GPUs: how many ranks may share one, for tests; times then say nothing of production',
  ).argParser(positiveInteger);

/** Options of every command that reads a graph. */
function readsGraph(command: Command): Command {
  return command
    .option('--program <name>', 'program to use, by name or number, where the source holds several')
    .option('--redact', 'drop file comments and user names')
    .option('--max-bytes <n>', 'refuse input that is larger after decompression', positiveInteger)
    .addOption(jsonOption());
}

const repeated = (value: string, previous: readonly string[] | undefined): string[] => [
  ...(previous ?? []),
  value,
];

/** Options of every command that plans. */
function plans(command: Command): Command {
  return readsGraph(command)
    .addOption(targetOption())
    .addOption(configOption())
    .option('--engine <id>', 'serving engine that will run it: vllm@0.33, vllm@0.32, sglang@0.5.23')
    .option('--engine-env <name=value>', "an environment variable of the engine's", repeated)
    .option('--engine-config <name=value>', "a setting or flag of the engine's", repeated);
}

/** The command tree. Commands are loaded when they run, so that `--help` and start-up stay quick. */
export function createProgram(streams: Streams, done: (code: number) => void): Command {
  const program = new Command('arfuse');
  const consoleFor = async (options: { json?: boolean }): Promise<Console> => {
    const { createConsole } = await import('./system/console.ts');
    return createConsole(streams, options);
  };

  program
    .description(
      'Find, decide, explain and verify every all-reduce → add → RMSNorm chain of a captured graph.',
    )
    .version(version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => streams.stdout.write(text),
      writeErr: (text) => streams.stderr.write(text),
      // Errors are reported in one place, by runCli.
      outputError: () => undefined,
      getOutHelpWidth: () => WIDTH,
      getErrHelpWidth: () => WIDTH,
    });

  readsGraph(
    program.command('inspect').argument('<graph>', 'file, folder, or - for standard input'),
  )
    .description(
      'show what a capture holds: programs, groups, sites, and why an all-reduce is plain',
    )
    .action(async (path: string, options) => {
      const { inspect } = await import('./commands/inspect.ts');
      done(await inspect(path, options, await consoleFor(options)));
    });

  plans(program.command('plan').argument('<graph>', 'file, folder, or - for standard input'))
    .description('decide per token range which kernels run each site')
    .option('--out <file>', 'write the plan as canonical JSON, whole or not at all')
    .action(async (path: string, options) => {
      const { planCommand } = await import('./commands/plan.ts');
      done(await planCommand(path, options, await consoleFor(options)));
    });

  plans(program.command('explain').argument('<graph-or-plan>', 'captured graph, or plan JSON'))
    .description('say why each token range runs what it runs')
    .option('--site <id>', 'one site, e.g. s0')
    .option(
      '--rewrite [tokens]',
      'show the nodes before and after, for launches of this many tokens',
      positiveInteger,
    )
    .action(async (path: string, options) => {
      const { explainCommand } = await import('./commands/explain.ts');
      done(await explainCommand(path, options, await consoleFor(options)));
    });

  plans(program.command('verify').argument('<graph-or-plan>', 'captured graph, or plan JSON'))
    .description('prove each rewrite numerically against the raw nodes of the captured graph')
    .option('--world <n>', 'group size, when no target is given', positiveInteger)
    .addOption(onOption('reference'))
    .option(
      '--tokens <list>',
      'row counts (default: 1,7,64; on GPUs the ends of every segment)',
      positiveIntegers,
    )
    .option('--seed <n>', 'seed of the random inputs', wholeNumber, 1)
    .addOption(ranksPerDeviceOption())
    .action(async (path: string, options) => {
      const { verifyCommand } = await import('./commands/verify.ts');
      done(await verifyCommand(path, options, await consoleFor(options)));
    });

  program
    .command('run')
    .argument('<plan>', 'plan JSON')
    .description("execute a plan's sites and report error and time")
    .addOption(onOption('gpu'))
    .option('--tokens <n>', 'rows of each launch', positiveInteger, 16)
    .option('--site <id>', 'one site, e.g. s0; may be given more than once', repeated)
    .option(
      '--steps <k>',
      'with --on reference: times the whole chain of sites runs',
      positiveInteger,
    )
    .option('--seed <n>', 'seed of the random inputs', wholeNumber, 1)
    .addOption(ranksPerDeviceOption())
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (path: string, options) => {
      const { runCommand } = await import('./commands/run.ts');
      done(await runCommand(path, options, await consoleFor(options)));
    });

  program
    .command('doctor')
    .description('show what this machine has for GPUs, what is missing, and how to mend it')
    .option('--target', 'print only the target of this machine, for plan')
    .option('--world <n>', 'ranks that all-reduce together (default: one per GPU)', positiveInteger)
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (options) => {
      const { doctorCommand } = await import('./commands/doctor.ts');
      done(await doctorCommand(options, await consoleFor(options), streams.env));
    });

  const engine = program.command('engine').description('what a serving engine does with a graph');
  plans(
    engine
      .command('report', { isDefault: true })
      .argument('<graph-or-plan>', 'captured graph, or plan JSON'),
  )
    .description('per launch size: what the engine does today, what would be best, what to change')
    .option('--mix <list>', 'launches by weight, e.g. 1:0.5,64:0.3,2048:0.2', tokenMix)
    .option('--markdown', 'print Markdown for an issue or a pull request')
    .action(async (path: string, options) => {
      const { engineCommand } = await import('./commands/engine.ts');
      done(await engineCommand(path, options, await consoleFor(options)));
    });

  const table = program.command('table').description('look at threshold tables');
  table
    .command('list')
    .description('list the tables that planning uses')
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (options) => {
      const { tableList } = await import('./commands/table.ts');
      done(await tableList(options, await consoleFor(options)));
    });
  table
    .command('show')
    .argument('<name>', 'table name')
    .description('print the rows of a table with their provenance')
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (name: string, options) => {
      const { tableShow } = await import('./commands/table.ts');
      done(await tableShow(name, options, await consoleFor(options)));
    });

  table
    .command('models')
    .description('print the cost models that measured rows give, with their leave-one-out errors')
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (options) => {
      const { tableModelsCommand } = await import('./commands/table.ts');
      done(await tableModelsCommand(options, await consoleFor(options)));
    });

  const exports = program
    .command('export')
    .description("print a plan as an engine's configuration");
  const exported = (name: string, description: string): Command =>
    plans(
      exports.command(name).argument('<plan-or-graph>', 'plan JSON, or captured graph'),
    ).description(description);
  exported('vllm', 'the --compilation-config JSON that comes nearest to the plan')
    .addOption(
      new Option('--engine-version <version>', 'vLLM version to write for').choices([
        '0.31',
        '0.32',
        '0.33',
      ]),
    )
    .option('--mix <list>', 'launches by weight, e.g. 1:0.5,64:0.3,2048:0.2', tokenMix)
    .option('--table', "print the rows for vLLM's own tables instead, for a pull request")
    .action(async (path: string, options) => {
      const { exportVllmCommand } = await import('./commands/export.ts');
      done(await exportVllmCommand(path, options, await consoleFor(options)));
    });
  for (const [name, description] of [
    [
      'sglang',
      'the flags and environment variables of SGLang 0.5.23 that come nearest to the plan',
    ],
    ['tensorrt-llm', 'LLM arguments and AutoDeploy YAML that come nearest to the plan'],
    ['json', 'the plan document'],
  ] as const) {
    exported(name, description).action(async (path: string, options) => {
      const { exportCommand } = await import('./commands/export.ts');
      done(await exportCommand(name, path, options, await consoleFor(options)));
    });
  }

  program
    .command('native')
    .description('the native addon')
    .command('build')
    .description('compile the addon from source, for GPUs that no released binary fits')
    .option('--archs <list>', 'GPU architectures, e.g. 90a or 80,90a,100f', commaList)
    .option('--cuda <folder>', 'CUDA toolkit 12.8 or newer, instead of the pinned wheels')
    .option('--flashinfer <folder>', "folder that holds FlashInfer's headers, 0.7.2 or newer")
    .option('--python <program>', 'Python with pip, for the pinned wheels')
    .addOption(jsonOption())
    .action(async (options) => {
      const { nativeBuild } = await import('./commands/native.ts');
      done(await nativeBuild(options, await consoleFor(options)));
    });

  return program;
}
