import { defineConfig } from 'vitest/config'

/** Long searches for what must not be found: `npm run test:fuzz`, apart from the suite, whose time is bounded. */
export default defineConfig({
  test: {
    include: ['test/fuzz/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 600_000,
    reporters: ['default', './test/support/closing-line-reporter.ts'],
  },
})
