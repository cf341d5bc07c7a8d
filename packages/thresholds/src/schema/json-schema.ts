import { tableSchemas } from './table-schema.ts';
import { zod } from './zod.ts';

/** JSON Schemas by file name. */
export interface TableJsonSchemas {
  readonly 'measured-table.json': Readonly<Record<string, unknown>>;
  readonly 'limits-table.json': Readonly<Record<string, unknown>>;
}

/** JSON Schema (draft 2020-12) of both kinds of table; the package carries them as files under `schema/`. */
export function tableJsonSchemas(): TableJsonSchemas {
  const { toJSONSchema } = zod();
  const { measured, limits } = tableSchemas();
  return {
    'measured-table.json': {
      title: 'arfuse measured threshold table',
      ...toJSONSchema(measured),
    },
    'limits-table.json': {
      title: 'arfuse limits threshold table',
      ...toJSONSchema(limits),
    },
  };
}
