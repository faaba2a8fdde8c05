import { configDefaults, defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, 'test/fuzz/**'],
    globalSetup: ['./test/support/programs.ts', './test/support/build-once.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // A busy machine starts a process in seconds.
    expect: { poll: { timeout: 20_000 } },
    reporters: ['default', './test/support/closing-line-reporter.ts'],
  },
})
