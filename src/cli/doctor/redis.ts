import { hubPart, type RedisConnection } from '../../stores/redis/connection.js'
import { StoreError } from '../../stores/store.js'
import type { Finding } from './finding.js'

/** From here on a wrong clock shows: what is stored seems to live longer or shorter than it does. In ms. */
const tolerated = 5_000
/** The first version whose commands are enough. */
const least = [6, 2] as const

/** Redis could not be reached, or lets nobody in. */
export function unreachableRedis(error: unknown): Finding {
  return {
    check: 'Redis',
    result: 'wrong',
    what: error instanceof Error ? error.message : String(error),
    remedy: 'Start it, or correct REDIS_URL and REDIS_PASSWORD. A hub does not start without it.',
  }
}

/** Whether the Redis that is configured is one to keep tokens in. Of a cluster one master is looked at. */
export async function examineRedis(connection: RedisConnection): Promise<Finding[]> {
  const about: Finding = { check: 'Redis', result: 'ok', what: `${connection.where} answers` }
  try {
    return [
      about,
      version(await info(connection, 'server')),
      memory(await info(connection, 'memory')),
      await persistence(connection),
      await clock(connection),
    ]
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    return [about, unreachableRedis(error)]
  }
}

type Info = ReadonlyMap<string, string>

function version(server: Info): Finding {
  const check = 'version'
  const told = server.get('redis_version') ?? 'unknown'
  const [major = 0, minor = 0] = told.split('.').map(Number)
  const isEnough = major > least[0] || (major === least[0] && minor >= least[1])
  if (isEnough) return { check, result: 'ok', what: told }
  return { check, result: 'wrong', what: `${told} is too old`, remedy: `Use Redis ${least.join('.')} or newer.` }
}

function memory(told: Info): Finding {
  const check = 'eviction'
  const policy = told.get('maxmemory_policy') ?? 'unknown'
  if (policy === 'noeviction') return { check, result: 'ok', what: 'none (maxmemory-policy noeviction)' }
  if (told.get('maxmemory') === '0') return { check, result: 'ok', what: `none (${policy}, but no maxmemory)` }
  return {
    check,
    result: 'warning',
    what: `when its memory is full Redis removes keys (maxmemory-policy ${policy}): tokens, sessions and messages can be lost`,
    remedy: 'Set maxmemory-policy noeviction. If other programs need another one, give the hub a Redis of its own.',
  }
}

async function persistence(connection: RedisConnection): Promise<Finding> {
  const check = 'persistence'
  const told = await info(connection, 'persistence')
  if (told.get('rdb_last_bgsave_status') === 'err' || told.get('aof_last_write_status') === 'err') {
    const remedy = 'Look into its log: its disk may be full. It may refuse to store anything.'
    return { check, result: 'warning', what: 'Redis could not write to its disk', remedy }
  }
  if (told.get('aof_enabled') === '1') return { check, result: 'ok', what: 'on (appendonly)' }
  const points = await savePoints(connection)
  if (points === undefined) {
    const what = 'not known: appendonly is off, and Redis does not tell whether it saves'
    return { check, result: 'unknown', what }
  }
  if (points !== '')
    return { check, result: 'ok', what: `on (save ${points}): a crash loses what came after the last one` }
  return {
    check,
    result: 'warning',
    what: 'off: a restart of Redis loses the tokens, clients, sessions and messages',
    remedy: 'Set appendonly yes.',
  }
}

/** Undefined: whoever runs Redis lets nobody ask. */
async function savePoints(connection: RedisConnection): Promise<string | undefined> {
  const answer = await connection.run(hubPart, ['CONFIG', 'GET', 'save']).catch(() => undefined)
  const [, points] = Array.isArray(answer) ? answer : []
  return typeof points === 'string' ? points : undefined
}

async function clock(connection: RedisConnection): Promise<Finding> {
  const check = 'Redis clock'
  const before = Date.now()
  const theirs = await connection.time(hubPart)
  const off = Math.round((before + Date.now()) / 2 - theirs)
  if (Math.abs(off) < tolerated) return { check, result: 'ok', what: 'right' }
  return {
    check,
    result: 'warning',
    what: `this machine's clock is ${Math.round(Math.abs(off) / 1000)} s ${off < 0 ? 'behind' : 'ahead of'} that of Redis`,
    remedy: 'Set both, and keep them right with NTP (timedatectl set-ntp true).',
  }
}

async function info(connection: RedisConnection, section: string): Promise<Info> {
  const text = String(await connection.run(hubPart, ['INFO', section]))
  return new Map([...text.matchAll(/^(\w+):(.*?)\r?$/gm)].map(([, name = '', value = '']) => [name, value]))
}
