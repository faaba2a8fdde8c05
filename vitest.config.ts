import { configDefaults, defineConfig } from 'vitest/config'
import LongestFirst from './test/support/longest-first.js'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, 'test/fuzz/**'],
    globalSetup: ['./test/support/programs.ts', './test/support/build-once.ts'],
    pool: 'forks',
    // Files share a process, and what it has loaded: they leave nothing behind there. That is a fifth of the time.
    isolate: false,
    // More than there are cores on a small machine: much of the time a test waits for a process, a lease or a pause of Redis.
    maxWorkers: 4,
    sequence: { sequencer: LongestFirst },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // A busy machine starts a process in seconds.
    expect: { poll: { timeout: 20_000 } },
    reporters: ['default', './test/support/closing-line-reporter.ts'],
  },
})
