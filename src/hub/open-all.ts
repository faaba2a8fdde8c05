import type { ClientChange } from '../access/client-change.js'
import { openAccess } from '../access/open-access.js'
import { logSigningKeys } from '../access/signing-key-log.js'
import { SigningKeys } from '../access/signing-keys.js'
import type { Config } from '../config.js'
import { readScript } from '../jssdk/script.js'
import { expectHere } from '../move/expect-here.js'
import { type Sandboxed, sandboxed } from '../sandboxed.js'
import { openSessions } from '../sessions/open-sessions.js'
import type { Stores } from '../stores/stores.js'
import type { Clock } from '../wechat/clock.js'
import type { Basics } from './basics.js'
import { openStores } from './stores.js'

interface OpeningParts extends Basics {
  /** Told what becomes of a stored client while the hub runs. */
  readonly clientChanged: (change: ClientChange) => void
}

/** Opens all that can fail, one after the other. When one does, those before it are closed, the last of them first. */
export async function openAll(config: Config, parts: OpeningParts) {
  const { clock, secrets } = parts
  const undo: (() => Promise<void>)[] = []
  try {
    const stores = await openStores(config, parts)
    undo.push(() => stores.close())
    await expectHere(stores)
    const sandbox = await openSandbox(config, clock)
    if (sandbox !== undefined) undo.push(() => sandbox.close())
    const keys = await openSigningKeys(stores, parts)
    undo.push(() => keys.close())
    secrets.keep(...(config.sessions.key ?? []))
    const sessions = await openUserSessions(config, stores, parts)
    const script = await readScript()
    // Last of what can fail: a key that is made must get to the one who started the hub.
    const access = await openClients(config, stores, parts)
    return { stores, sandbox, keys, sessions, script, ...access }
  } catch (error) {
    for (const step of undo.reverse()) await step()
    throw error
  }
}

/** Only for a configuration without an account. */
async function openSandbox(config: Config, clock: Clock): Promise<Sandboxed | undefined> {
  return Object.keys(config.accounts).length === 0 ? sandboxed(config, clock) : undefined
}

/** Those that hub tokens are signed with. */
function openSigningKeys(stores: Stores, { clock, log, secrets }: Basics) {
  return SigningKeys.open(stores.text('hub-token-keys'), {
    clock,
    onEvent: (event) => logSigningKeys(log, event),
    learn: (secret) => secrets.rotate('hub token keys', secret),
  })
}

function openUserSessions({ dataDir, sessions }: Config, { records, counts }: Stores, { clock, log, secrets }: Basics) {
  return openSessions({
    ...{ dataDir, settings: sessions, store: records, counts, clock, log },
    learn: (secret) => secrets.rotate('session keys', secret),
  })
}

function openClients({ clients, key }: Config, stores: Stores, { clock, log, secrets, clientChanged }: OpeningParts) {
  return openAccess({
    ...{ configured: clients, key, text: stores.text('clients'), secrets, clock, log },
    onChange: clientChanged,
  })
}
