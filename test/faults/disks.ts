import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Sandbox } from '../../src/sandbox/sandbox.js'
import { Child } from '../support/child.js'
import type { FailingDiskCommands } from '../support/child-failing-disk.js'
import type { StoreCommands } from '../support/child-store.js'
import { report } from '../support/fleet-counts.js'
import { newSeed, seeded } from '../support/seeded.js'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js'

const appID = 'wx0123456789abcdef'
const appSecret = '0123456789abcdef0123456789abcdef'
/** Not asked by who only saves. */
const nowhere = 'http://127.0.0.1:1/'
/** So many processes save at the same time, each in a folder of its own. */
const folders = 4
/** In ms: about as long as five saves take. */
const longestLife = 10

let root: string

beforeEach(() => {
  root = temporaryFolder()
})

afterEach(async () => {
  await Child.killAll()
  removeFolder(root)
})

interface Saved {
  readonly version: number
  readonly length: number
  readonly filler: string
}

function savedIn(folder: string): Saved {
  return JSON.parse(readFileSync(join(folder, appID, 'access_token.json'), 'utf8'))
}

/** Kills of processes that save, and a disk that fails: the old file or the new one, always (P4). */
export function describeDisks({ kills }: { readonly kills: number }): void {
  const seed = newSeed()

  describe('a file of the store', () => {
    it(
      `is whole, and never older than before, after each of ${kills} kills of a process that saves (seed ${seed})`,
      async () => {
        const random = seeded(seed)
        const killed = await Promise.all(
          Array.from({ length: folders }, (_, number) =>
            killSavers(join(root, String(number)), kills / folders, random),
          ),
        )
        const saves = killed.reduce((sum, count) => sum + count)
        report('kills of processes that save', { seed, kills, saves })
        expect(saves).toBeGreaterThan(kills)
      },
      60_000 + kills * 1_000,
    )

    it.each([
      { done: false, how: 'does nothing' },
      { done: true, how: 'has done its work' },
    ])(
      'is the old one or the new one when a call of the file system fails with EIO and $how, each call in turn',
      async ({ done, how }) => {
        const folder = join(root, 'data')
        const child = await Child.start<FailingDiskCommands>('child-failing-disk', {
          folder,
          apiDomain: nowhere,
          appID,
          appSecret,
        })
        await child.ask('save', { nth: 0, done, version: 1 })
        const all = ['mkdirSync', 'chmodSync', 'open', 'writeFile', 'sync', 'close', 'readFileSync', 'renameSync']
        const failed: string[] = []
        // Some calls are made side by side, in any order: another time may bring what this one passed by.
        for (let nth = 1, version = 2, rounds = 0; rounds < 20; version += 1) {
          const before = savedIn(folder).version
          const saved = await child.ask('save', { nth, done, version })
          const after = savedIn(folder)
          expect([before, version]).toContain(after.version)
          expect(after.filler).toBe('x'.repeat(after.version))
          if (saved.outcome === 'true') expect(after.version).toBe(version)
          if (saved.failed !== undefined) failed.push(saved.failed)
          else if (all.every((name) => failed.includes(name))) break
          else rounds += 1
          nth = saved.failed === undefined ? 1 : nth + 1
        }
        expect(failed).toEqual(expect.arrayContaining(all))
        report('EIO of a save', { how, calls: failed.length, of: failed.join(' ') })
        // What could not be removed; nothing else is left beside the file.
        expect(
          readdirSync(join(folder, appID)).filter((name) => !/^access_token\.json(\..*\.tmp)?$/.test(name)),
        ).toEqual([])
      },
    )

    it.each([
      { done: false, how: 'does nothing' },
      { done: true, how: 'has done its work' },
    ])(
      'loses no token of a refresh when a call fails with EIO and $how, each call in turn',
      async ({ done, how }) => {
        const sandbox = new Sandbox({ accounts: [{ appID, appSecret, dailyTokens: 100_000 }] })
        const folder = join(root, 'data')
        try {
          const apiDomain = await sandbox.listen()
          const child = await Child.start<FailingDiskCommands>('child-failing-disk', {
            folder,
            apiDomain,
            appID,
            appSecret,
          })
          await child.ask('update', { nth: 0, done })
          let calls = 0
          for (let nth = 1; ; nth += 1) {
            const before = String(
              JSON.parse(readFileSync(join(folder, appID, 'access_token.json'), 'utf8')).access_token,
            )
            const { outcome, failed } = await child.ask('update', { nth, done })
            expect(outcome, failed).toBe(sandbox.tokens.current(appID, 'token')?.access_token)
            expect(await child.ask('held')).toBe(outcome)
            const after = JSON.parse(readFileSync(join(folder, appID, 'access_token.json'), 'utf8')).access_token
            expect([before, outcome]).toContain(after)
            if (failed === undefined) break
            calls += 1
          }
          report('EIO of a refresh', { how, calls })
          expect(calls).toBeGreaterThan(20)
        } finally {
          await sandbox.close()
        }
      },
      300_000,
    )
  })
}

/** Answers how many saves there were. */
async function killSavers(folder: string, kills: number, random: () => number): Promise<number> {
  for (let kill = 0, before = 0; kill < kills; kill += 1) {
    const child = await Child.start<StoreCommands>('child-store')
    const first = child.news('saved')
    const saving = child
      .ask('save', { folder, appID, first: before + 1, last: before + 1_000_000 })
      .catch(() => undefined)
    await first
    // At which instant of a save it ends is what the campaign is about.
    await delay(longestLife * random())
    await child.kill()
    await saving
    const { version, length, filler } = savedIn(folder)
    expect(version).toBeGreaterThan(before)
    const whole = (version * 977) % 9000
    expect([length, filler.length]).toEqual([whole, whole])
    before = version
  }
  return savedIn(folder).version
}
