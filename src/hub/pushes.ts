import type { Accounts } from '../accounts.js'
import type { PushAccount } from '../callback/account-pushes.js'
import { countPush } from '../callback/push-count.js'
import { logPushSparingly } from '../callback/push-log.js'
import { Pushes } from '../callback/pushes.js'
import type { Config } from '../config.js'
import type { KeyValueStore } from '../stores/store.js'
import type { Watched } from './basics.js'
import { fewLines } from './few-lines.js'

interface PushesParts extends Watched, Pick<PushAccount, 'otherwise'> {
  readonly accounts: Accounts
  readonly store: KeyValueStore
}

/** The pushes of all accounts, and where they go. */
export function createPushes(config: Config, parts: PushesParts): Pushes {
  const { accounts, secrets, store, clock, log, metrics, otherwise } = parts
  for (const route of Object.values(config.accounts).flatMap(({ routes }) => routes)) {
    secrets.keep(route.format === 'xml' ? route.token : route.secret)
  }
  const failures = fewLines(clock)
  return new Pushes({
    accounts: accounts.all.map(({ name, wechat }) => {
      return { name, wechat, routes: config.accounts[name]?.routes ?? [], otherwise }
    }),
    ...{ store, clock, random: Math.random },
    observe(account, event) {
      logPushSparingly(log, { account }, event, failures)
      countPush(metrics.pushes, account, event)
    },
  })
}
