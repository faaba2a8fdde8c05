import { randomUUID } from 'node:crypto'
import type { Lease } from '../../wechat/storage.js'
import { busy, leaseTime, longestWait } from '../lease.js'
import { isAway, type StoreError } from '../store.js'
import { asStoreAway } from './away.js'
import type { RedisConnection } from './connection.js'
import { script } from './script.js'

/** Who is told of no release looks again after this time at the latest, in ms. */
const defaultNap = 250

const renewal = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`)

const release = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[2], ARGV[3])
return 1`)

export interface RedisLockOptions {
  readonly connection: RedisConnection
  readonly part: string
  readonly name: string
  /** How long at most to wait for news of a release before the lock is looked at again, in ms. Default 250. */
  readonly nap?: number
}

/**
 * A lock between all processes that share a Redis: a key with its owner's name, which ends by itself if the owner dies. A Redis
 * that loses the key, as by a fail-over, lets another one in before the holder knows: within 1.5 s its lease ends.
 */
export class RedisLock {
  readonly #connection: RedisConnection
  readonly #part: string
  readonly #key: string
  readonly #nap: number

  constructor({ connection, part, name, nap = defaultNap }: RedisLockOptions) {
    this.#connection = connection
    this.#part = part
    this.#key = connection.key(part, `lock:${name}`)
    this.#nap = nap
  }

  /**
   * Runs `work` with the lock held.
   *
   * @throws {WechatError} LOCK_BUSY when others held it for 7.5 s; STORE_AWAY when Redis does not answer: without it nobody may
   *   do the work, since others may be at it.
   */
  async run<T>(work: (lease: Lease) => Promise<T>): Promise<T> {
    const holding = await this.#take()
    try {
      return await work(holding)
    } finally {
      await holding.release()
    }
  }

  async #take(): Promise<Holding> {
    const key = new LockKey(this.#connection, this.#part, this.#key)
    const giveUpAt = performance.now() + longestWait
    const releases = new Releases(this.#connection, this.#key)
    try {
      for (;;) {
        // The lease runs from before Redis is asked: this process may be paused before it hears the answer.
        const now = performance.now()
        if (await key.claim()) return new Holding(key, now)
        const left = giveUpAt - performance.now()
        if (left <= 0) throw busy()
        await releases.next(Math.min(left, this.#nap * (0.5 + Math.random() / 2)))
      }
    } finally {
      releases.end()
    }
  }
}

/** News of releases of one lock. One that comes between two waits ends the next wait. */
class Releases {
  readonly end: () => void
  #came = false
  #wake: () => void = () => undefined

  constructor(connection: RedisConnection, key: string) {
    this.end = connection.onNews((news) => {
      if (news !== releasedNews(key)) return
      this.#came = true
      this.#wake()
    })
  }

  /** Resolves when one comes, or after `ms`. */
  async next(ms: number): Promise<void> {
    if (!this.#came) {
      let timer: NodeJS.Timeout | undefined
      await new Promise<void>((resolve) => {
        this.#wake = resolve
        timer = setTimeout(resolve, ms)
      })
      clearTimeout(timer)
    }
    this.#came = false
  }
}

/** The key of a lock, as one owner writes it. */
class LockKey {
  readonly #connection: RedisConnection
  readonly #part: string
  readonly #key: string
  readonly #owner = randomUUID()

  constructor(connection: RedisConnection, part: string, key: string) {
    this.#connection = connection
    this.#part = part
    this.#key = key
  }

  /** @throws {WechatError} STORE_AWAY. */
  async claim(): Promise<boolean> {
    try {
      const args = ['SET', this.#key, this.#owner, 'NX', 'PX', String(leaseTime)]
      return (await this.#connection.run(this.#part, args)) === 'OK'
    } catch (error) {
      // It may be set all the same, even later, when a frozen Redis goes on: others shall not wait for its end.
      if (isAway(error)) this.releaseWhenBack()
      throw asStoreAway(error)
    }
  }

  /** Answers whether it was still there. @throws {StoreError} */
  async renew(): Promise<boolean> {
    const args = [this.#owner, String(leaseTime)]
    return (await this.#connection.runScript(this.#part, renewal, [this.#key], args)) === 1
  }

  /** @throws {StoreError} */
  async release(): Promise<void> {
    const args = [this.#owner, this.#connection.newsChannel, releasedNews(this.#key)]
    await this.#connection.runScript(this.#part, release, [this.#key], args)
  }

  /** For what Redis was asked, or could not be asked, while it was away. */
  releaseWhenBack(): void {
    const end = () => {
      clearTimeout(timer)
      unwait()
    }
    const unwait = this.#connection.onBack(this.#part, () => {
      end()
      this.release().catch((_error: StoreError) => undefined)
    })
    const timer = setTimeout(end, 10 * leaseTime)
    timer.unref()
  }
}

class Holding implements Lease {
  readonly #key: LockKey
  readonly #timer: NodeJS.Timeout
  #renewedAt: number
  #renewal: Promise<void> = Promise.resolve()
  #lost = false

  constructor(key: LockKey, claimedAt: number) {
    this.#key = key
    this.#renewedAt = claimedAt
    this.#timer = setInterval(() => {
      this.#renewal = this.#renewal.then(() => this.#renew())
    }, leaseTime / 4)
  }

  remaining(): number {
    return this.#lost ? 0 : leaseTime - (performance.now() - this.#renewedAt)
  }

  /** Once the lease has run out another process may hold the lock: no way back. */
  async #renew(): Promise<void> {
    const now = performance.now()
    if (this.remaining() <= 0) this.#lost = true
    if (this.#lost) return
    try {
      if ((await this.#key.renew()) && this.remaining() > 0) this.#renewedAt = now
      else this.#lost = true
    } catch {
      // The lease that is left still holds; the next renewal may succeed.
    }
  }

  /** Never rejects: what Redis does not hear ends by itself. */
  async release(): Promise<void> {
    clearInterval(this.#timer)
    await this.#renewal
    await this.#key.release().catch((_error: StoreError) => this.#key.releaseWhenBack())
  }
}

function releasedNews(key: string): string {
  return `released ${key}`
}
