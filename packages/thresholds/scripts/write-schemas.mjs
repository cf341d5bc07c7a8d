// Writes schema/*.json from the built package: build @arfuse/thresholds, then run this file.
import { mkdirSync, writeFileSync } from 'node:fs';
import { tableJsonSchemas } from '../dist/index.js';

const folder = new URL('../schema/', import.meta.url);
mkdirSync(folder, { recursive: true });
for (const [name, schema] of Object.entries(tableJsonSchemas())) {
  writeFileSync(new URL(name, folder), `${JSON.stringify(schema, null, 2)}\n`);
}
