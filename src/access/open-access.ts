import { isAway, type StoredText } from '../stores/store.js'
import type { Clock } from '../wechat/clock.js'
import type { Secrets } from '../wechat/secrets.js'
import { type ClientSources, Clients } from './client.js'
import { type ClientChange, changesBetween } from './client-change.js'
import { ClientWatch } from './client-watch.js'
import { firstKey } from './stored-clients.js'

export interface AccessParts extends Required<Pick<ClientSources, 'configured'>>, Pick<ClientSources, 'key'> {
  /** The stored clients. */
  readonly text: StoredText
  readonly secrets: Pick<Secrets, 'keep'>
  readonly clock: Clock
  readonly log: { info(about: object, message: string): void; error(about: object, message: string): void }
  /** Told what becomes of a stored client while the hub runs. */
  readonly onChange: (change: ClientChange) => void
}

/**
 * Who may come in: the clients of the configuration, of the environment and of the store, which may change any time. `madeKey`: that
 * of a first start.
 *
 * @throws {StoredClientsError} when the stored clients are damaged.
 */
export async function openAccess({ configured, key, text, secrets, clock, log, onChange }: AccessParts) {
  const existing = key !== undefined || Object.keys(configured).length > 0
  const stored = await firstKey({ text, existing })
  secrets.keep(...[key, stored.key].filter((each) => each !== undefined))
  const learn = (learnt: string) => secrets.keep(learnt)
  const clients = new Clients({ configured, key, stored: stored.clients, learn })
  let known = stored.clients
  const watch = new ClientWatch({
    ...{ text, clock },
    changed(now) {
      const changes = changesBetween(known, now)
      known = now
      if (changes.length > 0) clients.replaceStored(now)
      for (const change of changes) {
        log.info({ event: 'client-changed', ...change }, 'the stored clients have changed')
        onChange(change)
      }
    },
    failed(err) {
      // That Redis is away has been told.
      if (isAway(err)) return
      log.error({ event: 'clients-unusable', err }, 'those who were clients before remain')
    },
  })
  return { clients, madeKey: stored.key, watch }
}
