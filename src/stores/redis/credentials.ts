import { randomInt } from 'node:crypto'
import type { Lease, Storage, VersionedRecord } from '../../wechat/storage.js'
import { brokenName } from '../broken-name.js'
import type { CredentialStore } from '../store.js'
import { asStoreAway } from './away.js'
import type { RedisConnection } from './connection.js'
import { RedisLock } from './lock.js'
import { script } from './script.js'

/** How long a record is kept that nobody saves anew, in ms: 30 days. */
const kept = 30 * 86_400_000
/** How often it is looked whether another process has saved, in ms, should the news of it not have come. */
const lookGap = 500

/** Stores a record unless one with its version or a higher one is there; what cannot be read counts as none. */
const save = script(`
local there = redis.pcall('GET', KEYS[1])
if type(there) == 'string' then
  local readable, record = pcall(cjson.decode, there)
  local version = readable and type(record) == 'table' and record.version
  local isVersion = type(version) == 'number' and version == math.floor(version) and version < 2^53
  if isVersion and version >= tonumber(ARGV[2]) then return 0 end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
redis.call('PUBLISH', ARGV[4], ARGV[5])
return 1`)

/** Renames a record, unless another one is there by now. */
const setAside = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('RENAME', KEYS[1], KEYS[2])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 1`)

/** Credentials in Redis: `<prefix>{<appID>}:credential:access_token`. For any number of processes on any number of machines. */
export class RedisCredentials implements CredentialStore {
  readonly #connection: RedisConnection

  constructor(connection: RedisConnection) {
    this.#connection = connection
  }

  account(appID: string): Storage {
    if (!/^[A-Za-z0-9_-]{1,64}$/.test(appID)) {
      throw new TypeError('"appID" must be 1 to 64 letters, digits, "_" and "-": it names keys')
    }
    return new AccountRecords(this.#connection, appID)
  }
}

/**
 * While Redis is away nothing is read, saved or locked: the lock and reading reject with a WechatError (STORE_AWAY), so that no
 * process fetches past the others.
 */
class AccountRecords implements Storage {
  readonly #connection: RedisConnection
  readonly #appID: string
  /** What was read last of each record. */
  readonly #seen = new Map<string, string | undefined>()

  constructor(connection: RedisConnection, appID: string) {
    this.#connection = connection
    this.#appID = appID
  }

  async read(name: string): Promise<string | undefined> {
    try {
      const text = await this.#text(name)
      this.#seen.set(name, text)
      return text
    } catch (error) {
      throw asStoreAway(error)
    }
  }

  async save(name: string, record: VersionedRecord): Promise<boolean> {
    const text = JSON.stringify(record)
    const { newsChannel } = this.#connection
    const args = [text, String(record.version), String(kept), newsChannel, this.#news(name)]
    const saved = await this.#connection.runScript(this.#appID, save, [this.#key(name)], args)
    return saved === 1
  }

  /** Redis's own time in ms: whatever it lost was stored before. */
  async firstVersion(): Promise<number> {
    try {
      return await this.#connection.time(this.#appID)
    } catch (error) {
      throw asStoreAway(error)
    }
  }

  async setAside(name: string): Promise<string | undefined> {
    const seen = this.#seen.get(name)
    if (seen === undefined) return undefined
    const where = `${brokenName(this.#key(name), Date.now())}-${randomInt(1_000_000)}`
    const done = await this.#connection.runScript(this.#appID, setAside, [this.#key(name), where], [seen, String(kept)])
    return done === 1 ? where : undefined
  }

  lock<T>(name: string, work: (lease: Lease) => Promise<T>): Promise<T> {
    return new RedisLock({ connection: this.#connection, part: this.#appID, name }).run(work)
  }

  watch(name: string, changed: (event?: 'back') => void): () => void {
    let last = this.#seen.get(name)
    let ended = false
    const look = async () => {
      const found = await this.#text(name)
      if (found === last || ended) return
      last = found
      changed()
    }
    const looks = new Looks(look)
    const unhear = this.#connection.onNews((news) => {
      if (news === this.#news(name)) looks.ask()
    })
    const unwait = this.#connection.onBack(this.#appID, () => changed('back'))
    // What was published while a connection was lost, and what Redis lost, nobody tells.
    const timer = setInterval(() => looks.ask(), lookGap)
    timer.unref()
    return () => {
      unhear()
      unwait()
      clearInterval(timer)
      ended = true
    }
  }

  async #text(name: string): Promise<string | undefined> {
    const text = await this.#connection.run(this.#appID, ['GET', this.#key(name)])
    return typeof text === 'string' ? text : undefined
  }

  #key(name: string): string {
    return this.#connection.key(this.#appID, `credential:${name}`)
  }

  #news(name: string): string {
    return `saved ${this.#key(name)}`
  }
}

/** Looks when it is asked to, once at a time, and once more if it was asked meanwhile. */
class Looks {
  readonly #look: () => Promise<void>
  #looking = false
  #asked = false

  constructor(look: () => Promise<void>) {
    this.#look = look
  }

  ask(): void {
    this.#asked = true
    if (!this.#looking) void this.#go()
  }

  async #go(): Promise<void> {
    this.#looking = true
    while (this.#asked) {
      this.#asked = false
      await this.#look().catch(() => undefined)
    }
    this.#looking = false
  }
}
