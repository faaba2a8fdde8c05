import type { SharedCounts } from '../store.js'
import { hubPart, type RedisConnection } from './connection.js'
import { script } from './script.js'

/** The time of a count begins with its first one. */
const add = script(`
local count = redis.call('INCRBY', KEYS[1], ARGV[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  left = tonumber(ARGV[2])
  redis.call('PEXPIRE', KEYS[1], left)
end
return {count, left}`)

/** Counts in Redis: `<prefix>{hub}:count:<name>`, which end with their time. */
export class RedisCounts implements SharedCounts {
  readonly #connection: RedisConnection

  constructor(connection: RedisConnection) {
    this.#connection = connection
  }

  async add(name: string, count: number, ms: number): Promise<{ count: number; endsIn: number }> {
    const key = this.#connection.key(hubPart, `count:${name}`)
    const answer = await this.#connection.runScript(hubPart, add, [key], [String(count), String(ms)])
    const [total = 0, endsIn = 0] = Array.isArray(answer) ? answer.map(Number) : []
    return { count: total, endsIn }
  }
}
