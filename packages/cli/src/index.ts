export { type ArfuseConfig, defineConfig } from './load/config.ts';
export { type RunCliOptions, runCli } from './run-cli.ts';
export type { TextInput, TextOutput } from './system/streams.ts';
