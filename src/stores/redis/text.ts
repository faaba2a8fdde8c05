import { randomInt, randomUUID } from 'node:crypto'
import { brokenName } from '../broken-name.js'
import type { FoundText, StoredText } from '../store.js'
import { hubPart, type RedisConnection } from './connection.js'
import { script } from './script.js'

/** How long what could not be understood is kept, in ms: 30 days. */
const kept = 30 * 86_400_000
/** Of a UUID, which stands before each text and tells one write from another. */
const identityLength = 36

const write = script(`
local there = redis.call('GETRANGE', KEYS[1], 0, ${identityLength - 1})
if there ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1`)

/** Where nothing is nothing is done. */
const setAside = script(`
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('RENAME', KEYS[1], KEYS[2])
return redis.call('PEXPIRE', KEYS[2], ARGV[1])`)

/** A small text of the hub in Redis: `<prefix>{hub}:text:<name>`. */
export class RedisText implements StoredText {
  readonly where: string
  readonly #connection: RedisConnection
  readonly #key: string

  constructor(connection: RedisConnection, name: string) {
    this.#connection = connection
    this.#key = connection.key(hubPart, `text:${name}`)
    this.where = `${this.#key} in ${connection.where}`
  }

  async read(): Promise<FoundText | undefined> {
    const found = await this.#connection.run(hubPart, ['GET', this.#key])
    if (typeof found !== 'string') return undefined
    return { identity: found.slice(0, identityLength), text: found.slice(identityLength) }
  }

  async identity(): Promise<string | undefined> {
    const found = await this.#connection.run(hubPart, ['GETRANGE', this.#key, '0', String(identityLength - 1)])
    return found === '' ? undefined : String(found)
  }

  async write(text: string, expected: string | undefined): Promise<boolean> {
    const args = [expected ?? '', `${randomUUID()}${text}`]
    return (await this.#connection.runScript(hubPart, write, [this.#key], args)) === 1
  }

  async setAside(): Promise<string> {
    const where = `${brokenName(this.#key, Date.now())}-${randomInt(1_000_000)}`
    await this.#connection.runScript(hubPart, setAside, [this.#key, where], [String(kept)])
    return where
  }
}
