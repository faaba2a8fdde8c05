import type { Account } from '../accounts.js'
import type { ErrorLog } from '../error-log.js'
import type { Route } from '../http/route.js'
import { Tally } from '../http/tally.js'
import type { KeyValueStore, SharedCounts } from '../stores/store.js'
import type { Clock } from '../wechat/clock.js'
import { Logins } from './logins.js'
import { type SessionsRoutesOptions, sessionsRoutes } from './routes.js'
import { SessionKeys } from './session-keys.js'
import { logSessionKeys } from './session-keys-log.js'
import { Sessions } from './sessions.js'
import { mostFailures, UserData, type UserDataOutcome } from './user-data.js'
import { mostCalls, Visitors, type VisitorsOptions } from './visitor.js'

/** As in the configuration; in seconds. */
export interface SessionsSettings {
  readonly ttl: number
  readonly maxLife: number
  readonly grace: number
  readonly userDataMaxAge: number
  /** Newest first. */
  readonly key?: readonly string[] | undefined
}

export interface SessionsParts {
  readonly dataDir: string
  readonly settings: SessionsSettings
  readonly store: KeyValueStore
  /** Where several processes count together what users do. */
  readonly counts: SharedCounts | undefined
  readonly clock: Clock
  readonly log: ErrorLog
  /** Told each key that session_keys are enciphered with. */
  readonly learn: (secret: string) => void
}

export interface SessionsWiring
  extends Pick<SessionsRoutesOptions, 'accountOf' | 'observe' | 'forgetElsewhere'>,
    Omit<VisitorsOptions, 'sessions' | 'calls'> {
  userDataRead(account: Account, outcome: UserDataOutcome): void
}

export interface OpenSessions {
  routes(wiring: SessionsWiring): Route[]
  /** Resolves when no file is being written. */
  idle(): Promise<void>
}

/** All of this room, built. @throws what the file system throws. */
export async function openSessions(parts: SessionsParts): Promise<OpenSessions> {
  const { dataDir, settings, store, counts, clock, log, learn } = parts
  const keys = await SessionKeys.open(dataDir, {
    ...{ clock, learn },
    longestUse: settings.maxLife * 1000,
    given: settings.key,
    onEvent: (event) => logSessionKeys(log, event),
  })
  const sessions = new Sessions({ store, keys, clock, lives: settings })
  return {
    idle: () => keys.idle(),
    routes({ accountOf, observe, userDataRead, forgetElsewhere, ...admission }) {
      const tally = (name: string, perMinute: number) => {
        return new Tally({ perMinute, clock, shared: counts && { counts, name } })
      }
      const visitors = new Visitors({ sessions, calls: tally('user-calls', mostCalls), ...admission })
      const failures = tally('user-data', mostFailures)
      const maxAge = settings.userDataMaxAge
      const userData = new UserData({ sessions, clock, maxAge, failures, observe: userDataRead })
      const logins = new Logins({ sessions, keys, clock })
      return sessionsRoutes({ sessions, logins, userData, visitors, clock, accountOf, observe, forgetElsewhere })
    },
  }
}
