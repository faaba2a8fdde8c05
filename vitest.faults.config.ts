import { defineConfig } from 'vitest/config'

/**
 * Campaigns of faults in their full size: `npm run test:faults`, or one of them, `npm run test:faults -- kills`. They take about an hour.
 * `FAULTS_KILLS=20` and the like make them shorter. The suite runs the same with small counts.
 */
export default defineConfig({
  test: {
    include: ['test/faults/**/*.faults.ts'],
    globalSetup: ['./test/support/programs.ts', './test/support/build-once.ts'],
    pool: 'forks',
    // One at a time: each needs the whole machine.
    maxWorkers: 1,
    fileParallelism: false,
    hookTimeout: 60_000,
    reporters: ['default', './test/support/closing-line-reporter.ts'],
  },
})
