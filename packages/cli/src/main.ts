#!/usr/bin/env node
import module from 'node:module';

// Node 22.8 and later can keep compiled code between runs; this release of the types does not know it yet.
const { enableCompileCache } = module as { readonly enableCompileCache?: () => unknown };
enableCompileCache?.();

const onWriteError = (name: string) => (error: NodeJS.ErrnoException) => {
  // A reader that closed the pipe (`arfuse … | head`) has seen enough; the exit code stays what it would have been.
  if (error.code === 'EPIPE') return;
  if (name === 'stdout')
    process.stderr.write(`error ARFUSE_IO: cannot write to standard output: ${error.message}.\n`);
  process.exit(2);
};
process.stdout.on('error', onWriteError('stdout'));
process.stderr.on('error', onWriteError('stderr'));

const { runCli } = await import('./run-cli.ts');
process.exitCode = await runCli(process.argv.slice(2));
