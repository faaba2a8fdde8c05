import type { Config } from '../config.js'
import { createLog } from '../ops/log.js'
import { systemClock } from '../wechat/clock.js'
import { Secrets } from '../wechat/secrets.js'
import { fork } from './fork.js'
import { Supervisor } from './supervisor.js'
import { tellFailure } from './tell.js'

/** Starts the workers, and ends when they have: on SIGTERM and SIGINT, a second of which ends at once, or when none can start. */
export function supervise({ server, log: { level } }: Config): void {
  const log = createLog({ level, secrets: new Secrets(), amongOthers: true })
  const supervisor = new Supervisor({
    count: server.workers ?? 1,
    ...{ fork, clock: systemClock, random: Math.random, log: log.log, tellFailure },
    ended: (code) => void log.close().finally(() => process.exit(code)),
  })
  const signalled = (signal: NodeJS.Signals) => {
    // The workers notice that this process is gone, and end.
    if (supervisor.ending) process.exit(1)
    supervisor.end(signal)
  }
  process.on('SIGTERM', signalled)
  process.on('SIGINT', signalled)
  process.on('uncaughtException', (error) => {
    log.log.fatal({ err: error }, 'uncaught error; the primary process ends, and its workers with it')
    log.flush()
    process.exit(1)
  })
  supervisor.start()
}
