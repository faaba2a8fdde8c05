import { randomBytes } from 'node:crypto'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { SessionKeys } from '../../../src/sessions/session-keys.js'
import { Sessions, type SessionsOptions } from '../../../src/sessions/sessions.js'
import { openLevel } from '../../../src/stores/level.js'
import { systemClock } from '../../../src/wechat/clock.js'
import { appID } from './account.js'

/** A data folder to be filled with this many sessions, each of a user of its own. */
export interface Fill {
  readonly dataDir: string
  readonly count: number
}

export interface Filled {
  /** Some of them, from all over. */
  readonly sessions: readonly string[]
  readonly bytes: number
}

/** How many of the sessions are told, at most. */
const mostTold = 1_000

/** How many logins are under way at once. */
const workers = 200

process.on('message', (fill: Fill) => void run(fill).then((filled) => process.send?.(filled)))
process.on('disconnect', () => process.exit())

/** By the hub's own code, without WeChat. */
async function run({ dataDir, count }: Fill): Promise<Filled> {
  const store = await openLevel(dataDir, { clock: systemClock })
  const lives: SessionsOptions['lives'] = { ttl: 86_400, maxLife: 86_400, grace: 60 }
  const keys = await SessionKeys.open(dataDir, { clock: systemClock, longestUse: 86_400_000, onEvent: () => undefined })
  const sessions = new Sessions({ store, keys, clock: systemClock, lives })
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
  await keys.idle()
  await store.close()
  return { sessions: told, bytes: await sizeOf(join(dataDir, 'level')) }
}

async function sizeOf(folder: string): Promise<number> {
  const names = await readdir(folder)
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}
