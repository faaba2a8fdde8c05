import type { Clock } from '../../wechat/clock.js'
import { checkChange, checkRange, checkText, keyOf, latestOf } from '../check-change.js'
import { type Change, type Entry, type KeyRange, type KeyValueStore, type Peers, StoreError } from '../store.js'
import type { RedisConnection } from './connection.js'
import { script } from './script.js'

/*
 * What Redis holds of each part: `r:<key>` -> `<its end, in ms since the epoch, or nothing>:<value>`, which ends by itself. Of those
 * that may be listed the keys are in the sorted set `index`, whose members Redis keeps in the order of their bytes; and of those of
 * them that end, in `ends` by their time.
 */

/** How many records are looked at in one go, and of how many bytes, so that Redis is not held up. */
const chunk = 500
const chunkBytes = 1024 * 1024
/** How many ended records one count leaves behind in one go. */
const sweepChunk = 1000
/** Of a SCAN. */
const scanChunk = 250
/**
 * How long Redis keeps a record beyond its end, in ms: which records live is told by the hubs' clocks, and Redis's may be ahead of
 * them.
 */
const clockTolerance = 30_000

const preamble = `
local function living(text, now)
  if not text then return false end
  local colon = string.find(text, ':', 1, true)
  if not colon then return false end
  local ends = string.sub(text, 1, colon - 1)
  if ends ~= '' and now >= tonumber(ends) then return false end
  return string.sub(text, colon + 1)
end
local function sweep(index, ends, now, most)
  local dead = redis.call('ZRANGEBYSCORE', ends, '-inf', now, 'LIMIT', 0, most)
  if #dead > 0 then
    redis.call('ZREM', index, unpack(dead))
    redis.call('ZREM', ends, unpack(dead))
  end
  return #dead
end`

/**
 * KEYS: index, ends, the record of the condition, those of the changes. ARGV: now, condition (any, absent, equal), expected value,
 * then of each change: its key, 1 if it may be listed, its end, ms until then, its text; without a text it is removed. Answers
 * whether the changes were made, and the value that was there.
 */
const change = script(`${preamble}
local index, ends, now = KEYS[1], KEYS[2], tonumber(ARGV[1])
local there = ARGV[2] ~= 'any' and living(redis.call('GET', KEYS[3]), now)
if ARGV[2] == 'absent' and there then return {0, there} end
if ARGV[2] == 'equal' and there ~= ARGV[3] then return {0, there} end
local listed = false
for n = 4, #KEYS do
  local at = 4 + (n - 4) * 6
  local key, mayList, put, expires, ttl, text = ARGV[at], ARGV[at + 1] == '1', ARGV[at + 2] == '1', ARGV[at + 3], ARGV[at + 4], ARGV[at + 5]
  if put and ttl == '' then redis.call('SET', KEYS[n], text)
  elseif put then redis.call('SET', KEYS[n], text, 'PX', ttl)
  else redis.call('DEL', KEYS[n]) end
  if mayList then
    listed = true
    if put then redis.call('ZADD', index, 0, key) else redis.call('ZREM', index, key) end
    if put and expires ~= '' then redis.call('ZADD', ends, expires, key) else redis.call('ZREM', ends, key) end
  end
end
if listed then sweep(index, ends, now, 10) end
return {1, there}`)

/**
 * KEYS: index, ends. ARGV: now, what records' keys begin with, from, to, how many, how many bytes. Answers 1 if there may be more,
 * the last key that was looked at, then keys and texts.
 */
const list = script(`${preamble}
local found = redis.call('ZRANGEBYLEX', KEYS[1], ARGV[3], ARGV[4], 'LIMIT', 0, ARGV[5])
local answer, bytes = {#found == tonumber(ARGV[5]) and 1 or 0, ''}, 0
for n, key in ipairs(found) do
  local text = redis.call('GET', ARGV[2] .. key)
  answer[2] = key
  if living(text, tonumber(ARGV[1])) then
    answer[#answer + 1] = key
    answer[#answer + 1] = text
    bytes = bytes + #text
  elseif not text then
    redis.call('ZREM', KEYS[1], key)
    redis.call('ZREM', KEYS[2], key)
  end
  if n < #found and bytes > tonumber(ARGV[6]) then
    answer[1] = 1
    break
  end
end
return answer`)

/** KEYS: index, ends. ARGV: now, from, to, how many. Answers the count, and 1 if it holds ended records: then another one is due. */
const count = script(`${preamble}
local swept = sweep(KEYS[1], KEYS[2], tonumber(ARGV[1]), ARGV[4])
return {redis.call('ZLEXCOUNT', KEYS[1], ARGV[2], ARGV[3]), swept == tonumber(ARGV[4]) and 1 or 0}`)

export interface RedisRecordsOptions {
  readonly connection: RedisConnection
  readonly clock: Pick<Clock, 'now'>
  /** The account that a key, or what keys begin with, is about. Default: what stands between its first two slashes. */
  readonly partOf?: (key: string) => string
  /** Whether a record of this key, or of keys that begin so, may be listed and counted: it costs Redis memory. */
  readonly mayList: (key: string) => boolean
}

/** A KeyValueStore in Redis. Moments are told by the hubs' clocks; Redis removes what is over. */
export class RedisRecords implements KeyValueStore {
  readonly peers: Peers
  readonly #connection: RedisConnection
  readonly #clock: Pick<Clock, 'now'>
  readonly #partOf: (key: string) => string
  readonly #mayList: (key: string) => boolean
  readonly #underWay = new Set<Promise<unknown>>()
  #closed = false

  constructor({ connection, clock, partOf = accountIn, mayList }: RedisRecordsOptions) {
    this.#connection = connection
    this.#clock = clock
    this.#partOf = partOf
    this.#mayList = mayList
    this.peers = { self: connection.self, isAlive: (name) => connection.isAlive(name) }
  }

  async get(key: string): Promise<string | undefined> {
    checkText('key', key)
    const part = this.#partOf(key)
    const text = await this.#run(() => this.#connection.run(part, ['GET', this.#recordKey(part, key)]))
    return livingIn(text, this.#clock.now())?.value
  }

  async write(changes: readonly Change[]): Promise<void> {
    await this.#change(changes, 'any')
  }

  async putIfAbsent(entry: Entry, also: readonly Change[] = []): Promise<string | undefined> {
    const { done, there } = await this.#change([{ put: entry }, ...also], 'absent', entry.key)
    return done ? undefined : there
  }

  async replace(key: string, expected: string, changes: readonly Change[]): Promise<boolean> {
    checkText('key', key)
    return (await this.#change(changes, 'equal', key, expected)).done
  }

  async list(range: KeyRange): Promise<Entry[]> {
    checkRange(range)
    const { prefix, limit } = range
    const part = this.#listable(prefix)
    const [from, to] = bounds(prefix, range.after)
    const entries: Entry[] = []
    for (let begin: string | Buffer = from; entries.length < limit; ) {
      const wanted = String(Math.min(chunk, limit - entries.length))
      const now = String(this.#clock.now())
      const args = [now, this.#recordKey(part, ''), begin, to, wanted, String(chunkBytes)]
      const answer: unknown = await this.#run(() => this.#connection.runScript(part, list, this.#indexes(part), args))
      const [more, last, ...rest] = Array.isArray(answer) ? answer : []
      for (let at = 0; at + 1 < rest.length; at += 2) entries.push(entryFrom(String(rest[at]), String(rest[at + 1])))
      if (more !== 1) break
      begin = `(${last}`
    }
    return entries
  }

  async count(prefix: string): Promise<number> {
    checkText('prefix', prefix)
    const part = this.#listable(prefix)
    for (;;) {
      const args = [String(this.#clock.now()), ...bounds(prefix), String(sweepChunk)]
      const answer = await this.#run(() => this.#connection.runScript(part, count, this.#indexes(part), args))
      const [counted, more] = Array.isArray(answer) ? answer.map(Number) : []
      if (more !== 1) return counted ?? 0
    }
  }

  /**
   * Each record whose key begins with `<kind>/<part>/`, once, in no order, be it of those that may be listed or not. Of what is
   * written meanwhile some. For moving over: it goes through all that Redis holds.
   */
  async *all(part: string, kind: string): AsyncGenerator<Entry> {
    const own = this.#recordKey(part, '')
    const pattern = `${this.#recordKey(part, `${kind}/${part}/`).replaceAll(/[\\*?[\]^-]/g, '\\$&')}*`
    // While Redis makes room it tells some keys twice.
    const told = new Set<string>()
    let cursor = '0'
    do {
      const scan = ['SCAN', cursor, 'MATCH', pattern, 'COUNT', String(scanChunk)]
      const answer = await this.#run(() => this.#connection.run(part, scan))
      const [next, found] = Array.isArray(answer) ? answer : []
      cursor = String(next)
      const keys = [...new Set(Array.isArray(found) ? found.map(String) : [])].filter((key) => !told.has(key))
      if (keys.length === 0) continue
      const texts = await this.#run(() => this.#connection.run(part, ['MGET', ...keys]))
      for (const [at, key] of keys.entries()) {
        told.add(key)
        const entry = livingIn(Array.isArray(texts) ? texts[at] : undefined, this.#clock.now())
        if (entry !== undefined) yield { ...entry, key: key.slice(own.length) }
      }
    } while (cursor !== '0')
  }

  /** The connection belongs to others too. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.allSettled(this.#underWay)
  }

  async #run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new StoreError('STORE_CLOSED', 'the store has been closed')
    const running = work()
    this.#underWay.add(running)
    try {
      return await running
    } finally {
      this.#underWay.delete(running)
    }
  }

  async #change(changes: readonly Change[], condition: 'any' | 'absent' | 'equal', key?: string, expected = '') {
    for (const one of changes) checkChange(one)
    const latest = latestOf(changes)
    const part = this.#partOf(key ?? keyOf(latest[0] ?? { remove: '' }))
    const now = this.#clock.now()
    const keys = [key ?? '', ...latest.map(keyOf)].map((each) => this.#recordKey(part, each))
    const all = [...this.#indexes(part), ...keys]
    const args = [String(now), condition, expected, ...latest.flatMap((one) => this.#argumentsOf(one, now))]
    const answer = await this.#run(() => this.#connection.runScript(part, change, all, args))
    const [done, there] = Array.isArray(answer) ? answer : []
    return { done: done === 1, there: typeof there === 'string' ? there : undefined }
  }

  #argumentsOf(one: Change, now: number): string[] {
    const mayList = this.#mayList(keyOf(one)) ? '1' : '0'
    if ('remove' in one) return [one.remove, mayList, '0', '', '', '']
    const { key, value, expiresAt } = one.put
    const ttl = expiresAt === undefined ? '' : String(Math.max(0, expiresAt - now) + clockTolerance)
    return [key, mayList, '1', String(expiresAt ?? ''), ttl, `${expiresAt ?? ''}:${value}`]
  }

  #listable(prefix: string): string {
    if (!this.#mayList(prefix)) throw new TypeError('records of this kind are not listed')
    return this.#partOf(prefix)
  }

  #indexes(part: string): [index: string, ends: string] {
    return [this.#connection.key(part, 'index'), this.#connection.key(part, 'ends')]
  }

  #recordKey(part: string, key: string): string {
    return this.#connection.key(part, `r:${key}`)
  }
}

/** The account of `<kind>/<appID>/<rest>`. */
function accountIn(key: string): string {
  const [, account = '', rest] = key.split('/', 3)
  if (rest === undefined || account === '') throw new TypeError('a key is "<kind>/<appID>/<rest>"')
  return account
}

/** As ZRANGE BYLEX takes them. No byte of UTF-8 is 0xff: what is below it begins with the prefix. */
function bounds(prefix: string, after?: string): [from: string, to: Buffer] {
  const behind = after !== undefined && Buffer.compare(Buffer.from(after), Buffer.from(prefix)) >= 0
  return [behind ? `(${after}` : `[${prefix}`, Buffer.concat([Buffer.from(`(${prefix}`), Buffer.of(0xff)])]
}

function livingIn(text: unknown, now: number): Entry | undefined {
  if (typeof text !== 'string') return undefined
  const entry = entryFrom('', text)
  return entry.expiresAt === undefined || now < entry.expiresAt ? entry : undefined
}

function entryFrom(key: string, text: string): Entry {
  const colon = text.indexOf(':')
  const value = text.slice(colon + 1)
  return colon < 1 ? { key, value } : { key, value, expiresAt: Number(text.slice(0, colon)) }
}
