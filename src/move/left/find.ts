import { isCredential } from '../../wechat/record.js'
import { MoveError } from '../move-error.js'
import { keysLike, literally, type SendToNode } from '../redis-keys.js'
import { readPhp } from './php.js'

/** A credential that another program keeps in its Redis. */
export interface Left {
  readonly key: string
  readonly value: string
  /** After how many ms its entry in Redis ends. Undefined: never. */
  readonly endsIn: number | undefined
}

/** The other program's Redis. */
export interface LeftRedis {
  readonly isCluster: boolean
  readonly send: SendToNode
  /** Sends a command about a key. */
  readonly sendTo: (key: string, args: readonly string[]) => Promise<unknown>
}

/**
 * What lies under the one key with one of these endings, the first that is there. Undefined: there is none.
 *
 * @throws {MoveError} when there are several, or what lies there is nothing known.
 */
export async function findLeft(redis: LeftRedis, endings: readonly string[], field: Field): Promise<Left | undefined> {
  for (const ending of endings) {
    const keys = new Set<string>()
    for await (const key of keysLike(`*${literally(ending)}`, redis.isCluster, redis.send)) keys.add(key)
    const [key, another] = keys
    if (another !== undefined) {
      throw new MoveError(`there are several: ${[...keys].join(', ')}. Name the right one with --key`)
    }
    if (key !== undefined) return readLeft(redis, key, field)
  }
  return undefined
}

/** How the value is called where it is one of several fields. */
export type Field = 'access_token' | 'ticket'

/** What lies under a key. Undefined: nothing. @throws {MoveError} when it is nothing known. */
export async function readLeft({ sendTo }: LeftRedis, key: string, field: Field): Promise<Left | undefined> {
  const type = await sendTo(key, ['TYPE', key])
  if (type === 'none') return undefined
  if (type === 'hash') return readHash(sendTo, key)
  if (type !== 'string') throw unknownForm(key)
  const [text, ends] = [String(await sendTo(key, ['GET', key])), Number(await sendTo(key, ['PTTL', key]))]
  const value = valueIn(text, field)
  if (value === undefined) throw unknownForm(key)
  return { key, value, endsIn: ends < 0 ? undefined : ends }
}

/** WxJava's older configurations for mini programs: the end is in a field, in ms since the epoch. */
async function readHash(sendTo: LeftRedis['sendTo'], key: string): Promise<Left> {
  const answer = await sendTo(key, ['HMGET', key, 'value', 'expire'])
  const [value, expire] = Array.isArray(answer) ? answer : []
  if (!isCredential(value) || !/^\d{13}$/.test(String(expire))) throw unknownForm(key)
  return { key, value, endsIn: Math.max(0, Number(expire) - Date.now()) }
}

/** As it is, in JSON, or as PHP serializes it: alone, or among fields. */
function valueIn(text: string, field: Field): string | undefined {
  const read = readPhp(text) ?? jsonIn(text) ?? text
  const value: unknown = typeof read === 'object' ? Object(read)[field] : read
  return isCredential(value) ? value : undefined
}

function jsonIn(text: string): unknown {
  if (!/^["{]/.test(text)) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function unknownForm(key: string): MoveError {
  return new MoveError(
    `what lies under ${key} is no token in a form that is known (text, JSON, PHP's serialize). Let the program print its ` +
      'token, and give it to --token-stdin with --expires-in',
  )
}
