import { UnsupportedError } from '@arfuse/contract';
import { describeJson, type JsonReader } from '../json/json-reader.ts';
import type { JsonObject } from '../json/parse-json.ts';

/** Refuses every schema but major 8. */
export function readSchemaVersion(
  reader: JsonReader,
  program: JsonObject,
): { major: number; minor: number } {
  return reader.at('schema_version', () => {
    const version = reader.object(program.schema_version, 'the schema version');
    const { major, minor } = version;
    if (typeof major !== 'number' || typeof minor !== 'number') {
      return reader.fail(
        `the schema version ${describeJson(major)}.${describeJson(minor)} is no pair of integers.`,
      );
    }
    if (major !== 8) {
      throw new UnsupportedError({
        message: `this ExportedProgram has schema ${major}.${minor}; arfuse reads 8.x.`,
        hint:
          major < 8
            ? 'Load it with the PyTorch that wrote it, and save it again with PyTorch 2.6 or later.'
            : 'Upgrade @arfuse/torch.',
        place: reader.place(),
        details: { major, minor },
      });
    }
    return { major, minor };
  });
}
