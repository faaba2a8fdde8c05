import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { StoreError } from '../store.js'
import { answerWithin } from './answer.js'
import { connect } from './connect.js'
import type { Argument, Driver } from './driver.js'
import { failureFrom, isUnknownScript } from './failure.js'
import { Health } from './health.js'
import type { Script } from './script.js'
import { type RedisAddress, whereIs } from './url.js'

/** What happens to the connection; for the log. */
export type RedisEvent =
  | { readonly type: 'redis-away'; readonly where: string; readonly error: StoreError }
  /** `ms`: how long it was away. */
  | { readonly type: 'redis-back'; readonly where: string; readonly ms: number }
  /** This machine's clock and Redis's differ by so many ms: tokens may be held for dead, or living, too long. */
  | { readonly type: 'redis-clock'; readonly where: string; readonly ms: number }

export interface RedisConnectionOptions {
  readonly address: RedisAddress
  /** What all keys begin with. Without `{` and `}`. */
  readonly prefix: string
  readonly onEvent: (event: RedisEvent) => void
}

/** How long the first connection may take, in ms, and how long with what is asked on it then. */
const patience = 8_500
const longestOpening = 9_500
/** How often a Redis that starts is asked meanwhile whether it takes commands, in ms. */
const askGap = 100
/** A process that has not shown for so long that it lives is dead, in ms; it shows it each half second. */
export const longestSilenceOfPeer = 3_000
/** What belongs to no account. */
export const hubPart = 'hub'
/** Clocks of machines that differ more than this are worth telling, in ms. */
const clockTolerance = 5_000

/** The hub's way to Redis. Keys are of parts, one for each account: all of a part lies in one hash slot of a cluster. */
export class RedisConnection {
  /** What this process is called among those that share the Redis. */
  readonly self = randomUUID()
  readonly where: string
  readonly #options: RedisConnectionOptions
  readonly #driver: Driver
  readonly #healths = new Map<string, Health>()
  /** The parts that are away. */
  readonly #away = new Set<string>()
  #awaySince = 0
  readonly #backListeners = new Set<(name: string) => void>()
  readonly #newsListeners = new Set<(news: string) => void>()
  #closed = false

  private constructor(driver: Driver, options: RedisConnectionOptions) {
    this.#driver = driver
    this.#options = options
    this.where = whereIs(options.address)
  }

  /** @throws {Error} when no connection could be made within ten seconds. */
  static async open(options: RedisConnectionOptions): Promise<RedisConnection> {
    const begun = performance.now()
    const connection = new RedisConnection(await connect(options.address, patience), options)
    const driver = connection.#driver
    let isLate = false
    const timer = setTimeout(
      () => {
        isLate = true
        driver.close()
      },
      longestOpening - (performance.now() - begun),
    )
    try {
      await driver.subscribe(connection.newsChannel, (news) => connection.#hear(news))
      await connection.#begin(begun + patience)
      await connection.#compareClocks()
      return connection
    } catch (error) {
      await connection.close()
      throw isLate ? new Error('it takes connections but does not answer', { cause: error }) : error
    } finally {
      clearTimeout(timer)
    }
  }

  /** `name` of a part, as a key. */
  key(part: string, name: string): string {
    return `${this.#options.prefix}{${part}}:${name}`
  }

  /** Why Redis, or a part of a cluster, takes nothing at present. */
  get failure(): StoreError | undefined {
    return [...this.#healths.values()].find(({ failure }) => failure !== undefined)?.failure
  }

  /** Sends one command that is about a part. @throws {StoreError} STORE_AWAY within 500 ms, STORE_FAILED, STORE_CLOSED. */
  async run(part: string, args: readonly Argument[]): Promise<unknown> {
    return this.#health(part).run(() => this.#driver.send(this.key(part, ''), args))
  }

  /** Runs a script; all keys are of the part. @throws {StoreError} as `run`. */
  async runScript(
    part: string,
    { text, sha }: Script,
    keys: readonly string[],
    args: readonly Argument[],
  ): Promise<unknown> {
    const rest = [String(keys.length), ...keys, ...args]
    const key = this.key(part, '')
    return this.#health(part).run(() =>
      this.#driver.send(key, ['EVALSHA', sha, ...rest]).catch((error: unknown) => {
        if (!isUnknownScript(error)) throw error
        return this.#driver.send(key, ['EVAL', text, ...rest])
      }),
    )
  }

  /** Where scripts publish news, which every process hears that is connected at that time. */
  get newsChannel(): string {
    return `${this.#options.prefix}news`
  }

  /** Calls `heard` for all news of other processes and of this one. Answers a function that ends it. */
  onNews(heard: (news: string) => void): () => void {
    this.#newsListeners.add(heard)
    return () => this.#newsListeners.delete(heard)
  }

  /** Calls `listener` when Redis takes commands about the part again. Answers a function that ends it. */
  onBack(part: string, listener: () => void): () => void {
    const heard = (name: string) => name === this.#healthName(part) && listener()
    this.#backListeners.add(heard)
    return () => this.#backListeners.delete(heard)
  }

  /** Whether another process has shown within the last three seconds that it lives. */
  async isAlive(name: string): Promise<boolean> {
    return (await this.run(hubPart, ['EXISTS', this.key(hubPart, `pulse:${name}`)])) === 1
  }

  /** Ends what is under way, within half a second. The others learn that this process has ended. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    const isAway = this.#away.size > 0
    for (const health of this.#healths.values()) health.end()
    if (!isAway) await answerWithin(500, this.#driver.send(this.key(hubPart, ''), ['DEL', this.#pulseKey(hubPart)]))
    this.#driver.close()
  }

  #health(part: string): Health {
    const name = this.#healthName(part)
    const known = this.#healths.get(name)
    if (known !== undefined) return known
    if (this.#closed) throw new StoreError('STORE_CLOSED', 'the store has been closed')
    const health = new Health({
      pulse: () => this.#driver.send(this.key(name, ''), this.#pulse(name)),
      steady: name === hubPart,
      changed: (error) => (error === undefined ? this.#isBack(name) : this.#isAway(name, error)),
    })
    this.#healths.set(name, health)
    return health
  }

  /** Of a cluster each part can be away by itself. */
  #healthName(part: string): string {
    return this.#options.address.kind === 'cluster' ? part : hubPart
  }

  #isAway(name: string, error: StoreError): void {
    this.#away.add(name)
    if (this.#away.size > 1) return
    this.#awaySince = performance.now()
    this.#options.onEvent({ type: 'redis-away', where: this.where, error })
  }

  #isBack(name: string): void {
    this.#away.delete(name)
    if (this.#away.size === 0) {
      const ms = Math.round(performance.now() - this.#awaySince)
      this.#options.onEvent({ type: 'redis-back', where: this.where, ms })
    }
    for (const listener of this.#backListeners) listener(name)
  }

  /** Shows that this process lives. A Redis that is still starting is waited for. */
  async #begin(giveUpAt: number): Promise<void> {
    for (;;) {
      try {
        await this.#driver.send(this.key(hubPart, ''), this.#pulse(hubPart))
        return
      } catch (error) {
        if (failureFrom(error).code !== 'STORE_AWAY' || performance.now() > giveUpAt) throw error
        await sleep(askGap)
      }
    }
  }

  /** Only a master takes it. */
  #pulse(part: string): readonly string[] {
    return ['SET', this.#pulseKey(part), '1', 'PX', String(longestSilenceOfPeer)]
  }

  #pulseKey(part: string): string {
    return this.key(part, `pulse:${this.self}`)
  }

  #hear(news: string): void {
    for (const heard of this.#newsListeners) heard(news)
  }

  /** Redis's wall clock, in ms since the epoch. @throws {StoreError} as `run`. */
  async time(part: string): Promise<number> {
    const told = await this.run(part, ['TIME'])
    const [seconds = 0, micros = 0] = Array.isArray(told) ? told.map(Number) : []
    return seconds * 1000 + Math.floor(micros / 1000)
  }

  async #compareClocks(): Promise<void> {
    const before = Date.now()
    const theirs = await this.time(hubPart)
    const ms = Math.round((before + Date.now()) / 2 - theirs)
    if (Math.abs(ms) > clockTolerance) this.#options.onEvent({ type: 'redis-clock', where: this.where, ms })
  }
}
