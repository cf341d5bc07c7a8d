export { type ExportedProgramOptions, readExportedProgram } from './exported/index.ts';
export { type FxGraph, type FxOptions, parseFx } from './fx/index.ts';
export * from './importer.ts';
export {
  type JsonArray,
  type JsonObject,
  type JsonOptions,
  type JsonValue,
  parseJson,
} from './json/parse-json.ts';
export { type GraphInput, readGraph } from './read-graph.ts';
