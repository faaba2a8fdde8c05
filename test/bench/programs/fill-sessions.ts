import { randomBytes } from 'node:crypto'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { SessionKeys } from '../../../src/sessions/session-keys.js'
import { Sessions, type SessionsOptions } from '../../../src/sessions/sessions.js'
import { openLevel } from '../../../src/stores/level.js'
import type { KeyValueStore } from '../../../src/stores/store.js'
import { systemClock } from '../../../src/wechat/clock.js'
import { appID } from './account.js'

/** A data folder to which this many sessions are added, each of a user of its own. Its store is open until the `last` ones are in. */
export interface Fill {
  readonly dataDir: string
  readonly count: number
  /** How many of them are told. */
  readonly told: number
  readonly last: boolean
}

export interface Filled {
  /** Some of them, from all over. */
  readonly sessions: readonly string[]
  /** What the store takes on the disk; known with the last ones. */
  readonly bytes: number
}

/** In seconds. */
const ttl = 86_400

/** How many logins are under way at once; the store writes them in as few batches as it can. */
const workers = 1_000

interface Filling {
  readonly store: KeyValueStore
  readonly keys: SessionKeys
  readonly sessions: Sessions
}

let filling: Promise<Filling> | undefined

process.on('message', (fill: Fill) => void run(fill).then((filled) => process.send?.(filled)))
process.on('disconnect', () => process.exit())

/** By the hub's own code, without WeChat. */
async function run({ dataDir, count, told: mostTold, last }: Fill): Promise<Filled> {
  filling ??= begin(dataDir)
  const { store, keys, sessions } = await filling
  let left = count
  const told: string[] = []
  const step = Math.ceil(count / mostTold)
  const logIn = async () => {
    while (left > 0) {
      left -= 1
      const number = left
      const openid = `oBench${randomBytes(17).toString('base64url').slice(0, 22)}`
      const given = await sessions.create(appID, { openid, session_key: 'tiihtNczf5v6AKRyjwEUhQ==' })
      if (number % step === 0) told.push(given.session)
    }
  }
  await Promise.all(Array.from({ length: workers }, logIn))
  if (!last) return { sessions: told, bytes: 0 }
  await keys.idle()
  await store.close()
  return { sessions: told, bytes: await sizeOf(join(dataDir, 'level')) }
}

async function begin(dataDir: string): Promise<Filling> {
  const store = await openLevel(dataDir, { clock: systemClock })
  const lives: SessionsOptions['lives'] = { ttl, maxLife: ttl, grace: 60 }
  const keys = await SessionKeys.open(dataDir, { clock: systemClock, longestUse: ttl * 1000, onEvent: () => undefined })
  return { store, keys, sessions: new Sessions({ store, keys, clock: systemClock, lives }) }
}

async function sizeOf(folder: string): Promise<number> {
  const names = await readdir(folder)
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}
