import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { LeaseLock } from '../../src/stores/lease-lock.js'
import type { Lease } from '../../src/wechat/storage.js'
import { serve } from './child-serve.js'

let held: Lease | undefined
let letGo: () => void = () => undefined
let ended: Promise<void> | undefined

/** Adds 1 to the number in a file, in steps that a second adder would come between. */
async function increment(file: string): Promise<void> {
  const number = Number(readFileSync(file, 'utf8'))
  await turn()
  writeFileSync(file, String(number + 1))
}

const commands = {
  /** Takes the lock `times` times in each of `contenders` loops at once; under it, adds 1 to `counter` and notes when. */
  async contend({ folder, counter, trace, contenders, times }: Contest): Promise<void> {
    const lock = new LeaseLock(folder)
    const loop = async (contender: number) => {
      for (let round = 0; round < times; round += 1) {
        const id = `${process.pid}/${contender}/${round}`
        await lock.run(async () => {
          appendFileSync(trace, `in ${id}\n`)
          await increment(counter)
          appendFileSync(trace, `out ${id}\n`)
        })
      }
    }
    await Promise.all(Array.from({ length: contenders }, (_, contender) => loop(contender)))
  },

  /** Answers when the lock is held; it stays so until `release`. */
  hold(folder: string): Promise<void> {
    return new Promise((resolve, reject) => {
      ended = new LeaseLock(folder).run((lease) => {
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
}

export interface Contest {
  readonly folder: string
  readonly counter: string
  readonly trace: string
  readonly contenders: number
  readonly times: number
}

export type LockCommands = typeof commands

serve(commands)
