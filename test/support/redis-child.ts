import { setImmediate as turn } from 'node:timers/promises'
import { RedisConnection } from '../../src/stores/redis/connection.js'
import { RedisCredentials } from '../../src/stores/redis/credentials.js'
import { loadDial } from '../../src/stores/redis/driver.js'
import { RedisLock } from '../../src/stores/redis/lock.js'
import { readRedisUrl } from '../../src/stores/redis/url.js'
import type { Lease } from '../../src/wechat/storage.js'
import { serve, settings, tell } from './child-serve.js'
import { follow } from './follow.js'

const { url, prefix } = settings<RedisPlace>()
let connection: RedisConnection | undefined
let held: Lease | undefined
let letGo: () => void = () => undefined
let ended: Promise<void> | undefined

async function connected(): Promise<RedisConnection> {
  const address = readRedisUrl(url)
  if (address === undefined) throw new Error('no URL')
  connection ??= await RedisConnection.open({ address, prefix, onEvent: ({ type }) => tell(type, '') })
  return connection
}

/** Lets the process end by itself, when its answer has been sent. */
function end(): void {
  process.removeAllListeners('disconnect')
  void turn().then(() => process.disconnect())
}

const commands = {
  /** Connects. Answers the name of the process among its peers. */
  async open(): Promise<string> {
    return (await connected()).self
  },

  /**
   * Takes the lock `times` times in each of `contenders` loops at once; under it, notes its coming and going in a list in Redis
   * and adds 1 to a number there, in steps that a second adder would come between.
   */
  async contend({ name, contenders, times }: RedisContest): Promise<void> {
    const redis = await connected()
    const [trace, counter] = [redis.key('wx1', 'trace'), redis.key('wx1', 'counter')]
    const loop = async (contender: number) => {
      const lock = new RedisLock({ connection: redis, part: 'wx1', name })
      for (let round = 0; round < times; round += 1) {
        const id = `${process.pid}/${contender}/${round}`
        await lock.run(async () => {
          await redis.run('wx1', ['RPUSH', trace, `in ${id}`])
          const number = Number(await redis.run('wx1', ['GET', counter]))
          await turn()
          await redis.run('wx1', ['SET', counter, String(number + 1)])
          await redis.run('wx1', ['RPUSH', trace, `out ${id}`])
        })
      }
    }
    await Promise.all(Array.from({ length: contenders }, (_, contender) => loop(contender)))
  },

  /** Answers when the lock is held; it stays so until `release`. */
  async hold(name: string): Promise<void> {
    const redis = await connected()
    await new Promise<void>((resolve, reject) => {
      ended = new RedisLock({ connection: redis, part: 'wx1', name }).run((lease) => {
        held = lease
        resolve()
        return new Promise<void>((end) => {
          letGo = end
        })
      })
      ended.catch(reject)
    })
  },

  /** What is left of the lease, in ms. */
  remaining: () => held?.remaining() ?? Number.NaN,

  async release(): Promise<void> {
    letGo()
    await ended
  },

  /** Tells of what is saved under this name. */
  async watch(name: string): Promise<void> {
    const storage = new RedisCredentials(await connected()).account('wx1')
    follow(storage, name, (text) => tell('changed', text))
  },

  /** Closes, has nothing else to do, and ends unless something keeps it alive. */
  async closeAndEnd(): Promise<void> {
    await connection?.close()
    end()
  },

  /** Connects, changes its mind before that is done, and ends unless something keeps it alive. */
  async dialAndEnd(): Promise<void> {
    const dial = await loadDial()
    const [node = { host: '', port: 0 }] = readRedisUrl(url)?.nodes ?? []
    dial({ node, tls: false }).close()
    end()
  },
}

export interface RedisPlace {
  readonly url: string
  readonly prefix: string
}

export interface RedisContest {
  readonly name: string
  readonly contenders: number
  readonly times: number
}

export type RedisChildCommands = typeof commands

serve(commands)
