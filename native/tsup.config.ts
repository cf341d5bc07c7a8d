import { defineConfig } from 'tsup';

export default defineConfig({
  // The probe's child is a program of its own.
  entry: ['src/index.ts', 'src/probe/child.ts'],
  format: ['esm'],
  target: 'node20',
  dts: { entry: 'src/index.ts' },
  sourcemap: false,
  clean: true,
});
