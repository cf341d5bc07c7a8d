import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { conditions: ['@arfuse/source'] },
  ssr: { resolve: { conditions: ['@arfuse/source', 'module', 'node', 'default'] } },
  test: {
    root: fileURLToPath(new URL('..', import.meta.url)),
    include: [
      'packages/*/test/**/*.test.ts',
      'native/test/**/*.test.ts',
      'tools/test/**/*.test.ts',
    ],
    pool: 'forks',
    testTimeout: 60_000,
  },
});
