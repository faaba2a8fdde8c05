import { readdirSync, readFileSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { Sandbox } from '../../src/sandbox/sandbox.js'
import { Child } from '../support/child.js'
import type { WechatCommands } from '../support/child-wechat.js'
import { newSeed, seeded } from '../support/seeded.js'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js'

const identity = { appID: 'wx0123456789abcdef', appSecret: '0123456789abcdef0123456789abcdef' }
/** In ms: about as long as ten refreshes take. */
const longestLife = 150
const folders = 4
const killsPerFolder = 5
const seed = newSeed()

let root: string

beforeEach(() => {
  root = temporaryFolder()
})

afterEach(async () => {
  await Child.killAll()
  removeFolder(root)
})

/** One account: its folder, its WeChat, and one program after the other. */
class Victim {
  readonly #folder: string
  readonly #sandbox = new Sandbox({ accounts: [{ ...identity, dailyTokens: 1_000_000 }] })
  #apiDomain = ''

  constructor(name: string) {
    this.#folder = join(root, name)
  }

  async open(): Promise<void> {
    this.#apiDomain = await this.#sandbox.listen()
  }

  close(): Promise<void> {
    return this.#sandbox.close()
  }

  get fetches(): number {
    return this.#sandbox.requests.count('/cgi-bin/token')
  }

  get record(): { access_token: string; version: number; expires_time: number } {
    return JSON.parse(readFileSync(join(this.#folder, identity.appID, 'access_token.json'), 'utf8'))
  }

  start(): Promise<Child<WechatCommands>> {
    const settings = { folder: this.#folder, apiDomain: this.#apiDomain, ...identity }
    return Child.start<WechatCommands>('child-wechat', settings)
  }

  /** Kills a program `life` ms after its first refresh. Answers the number of refreshes that it reported. */
  async kill(program: Child<WechatCommands>, life: number): Promise<number> {
    const { version } = this.record
    const reported: unknown[] = []
    program.hear('refreshed', (token) => reported.push(token))
    const first = program.news('refreshed')
    await program.ask('refreshForever')
    await first
    await delay(life)
    await program.kill()
    this.expectWhole(version, reported)
    return reported.length
  }

  /** Each refresh raised the version by one; the last may have been stored and not yet reported. */
  expectWhole(before: number, reported: readonly unknown[]): void {
    const { access_token, version, expires_time } = this.record
    expect(version).toBeGreaterThanOrEqual(before + reported.length)
    expect(version).toBeLessThanOrEqual(before + reported.length + 1)
    if (version === before + reported.length) expect(access_token).toBe(reported.at(-1))
    expect(expires_time).toBeGreaterThan(Date.now())
  }

  /** A program that starts gives the stored token, which WeChat takes, and asks WeChat for nothing. */
  async expectServed(program: Child<WechatCommands>): Promise<void> {
    const { fetches, record } = this
    expect(await program.ask('get', 1)).toMatchObject([{ value: record.access_token, from: 'store' }])
    expect(this.fetches).toBe(fetches)
    const { tokens } = this.#sandbox
    expect(tokens.judge(tokens.find(record.access_token))).toBe('live')
  }

  /** Lets the time pass for which a dead holder keeps the lock. */
  letLeaseEnd(): void {
    const locks = join(this.#folder, identity.appID, '.access_token.lock')
    const then = new Date(Date.now() - 10_000)
    for (const name of readdirSync(locks)) utimesSync(join(locks, name), then, then)
  }
}

it(`a program killed at any instant of a refresh leaves a whole record, which the next one serves (P4, seed ${seed})`, async () => {
  const random = seeded(seed)
  const refreshes = await Promise.all(
    Array.from({ length: folders }, async (_, number) => {
      const victim = new Victim(`account-${number}`)
      await victim.open()
      let program = await victim.start()
      await program.ask('update')
      let count = 0
      for (let kill = 0; kill < killsPerFolder; kill += 1) {
        count += await victim.kill(program, longestLife * random())
        program = await victim.start()
        await victim.expectServed(program)
        victim.letLeaseEnd()
      }
      // Once in real time: the dead holder's lease runs out, and the program gets on with it.
      await victim.kill(program, longestLife * random())
      program = await victim.start()
      await victim.expectServed(program)
      const { version } = victim.record
      await program.ask('update')
      expect(victim.record.version).toBe(version + 1)
      await victim.close()
      return count
    }),
  )
  // That it was refreshing that was interrupted.
  expect(refreshes.reduce((sum, count) => sum + count)).toBeGreaterThan(folders * killsPerFolder)
}, 300_000)
