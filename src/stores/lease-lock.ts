import { mkdir, open, readdir, stat, unlink, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Lease } from '../wechat/storage.js'
import { busy, leaseTime, longestWait } from './lease.js'
import { missing } from './missing.js'

const released = new Date(0)

/**
 * A lock between the processes of one machine that share a folder. A holder that dies loses it after 6 s.
 *
 * The lock is a folder of numbered files; the highest number is the present holder's, and its modification time the last
 * sign of life (1970: released). To take the lock is to create the file with the next number, which the file system
 * lets only one process do. Numbers never go back: only the winner of a higher number removes lower ones. So two
 * processes that find a dead holder cannot both take its place, as they can where the dead one's lock is removed and made
 * anew.
 */
export class LeaseLock {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  /**
   * Runs `work` with the lock held.
   *
   * @throws {WechatError} LOCK_BUSY when others held it for 7.5 s.
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
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    const giveUpAt = performance.now() + longestWait
    for (;;) {
      const highest = Math.max(0, ...(await this.#numbers()))
      // The lease runs from before the file is made: this process may be paused before it learns that it was.
      const now = performance.now()
      if ((await this.#isFree(highest)) && (await this.#claim(highest + 1))) {
        return new Holding(join(this.#folder, String(highest + 1)), now)
      }
      if (performance.now() > giveUpAt) throw busy()
      await sleep(20 + 40 * Math.random())
    }
  }

  async #numbers(): Promise<number[]> {
    return (await readdir(this.#folder)).map(Number).filter(Number.isSafeInteger)
  }

  async #isFree(number: number): Promise<boolean> {
    if (number === 0) return true
    const found = await stat(join(this.#folder, String(number))).catch(missing)
    // Missing: a higher number came since the folder was read. In the future: the clock was set back.
    return found !== undefined && Math.abs(Date.now() - found.mtimeMs) > leaseTime
  }

  async #claim(number: number): Promise<boolean> {
    const path = join(this.#folder, String(number))
    const file = await open(path, 'wx', 0o600).catch(taken)
    if (file === undefined) return false
    await file.close()
    const numbers = await this.#numbers()
    if (Math.max(...numbers) > number) {
      // The folder was read before another process took a higher number and removed the lower ones.
      await unlink(path).catch(missing)
      return false
    }
    const lower = numbers.filter((other) => other < number)
    await Promise.all(lower.map((other) => unlink(join(this.#folder, String(other))).catch(missing)))
    return true
  }
}

class Holding implements Lease {
  readonly #path: string
  readonly #timer: NodeJS.Timeout
  #renewedAt: number
  #renewal = Promise.resolve()
  #lost = false

  constructor(path: string, claimedAt: number) {
    this.#path = path
    this.#renewedAt = claimedAt
    this.#timer = setInterval(() => {
      this.#renewal = this.#renewal.then(() => this.#renew())
    }, leaseTime / 4)
  }

  remaining(): number {
    return this.#lost ? 0 : leaseTime - (performance.now() - this.#renewedAt)
  }

  /** Once the lease has run out another process may hold the lock, though this one's file is still there: no way back. */
  async #renew(): Promise<void> {
    const now = performance.now()
    const renewed = this.remaining() > 0 && (await showLife(this.#path))
    if (renewed && this.remaining() > 0) this.#renewedAt = now
    else this.#lost = true
  }

  async release(): Promise<void> {
    clearInterval(this.#timer)
    // A renewal that ended after the release would undo it.
    await this.#renewal
    await utimes(this.#path, released, released).catch(() => undefined)
  }
}

/** False: another process found this one without a sign of life and took its place. */
async function showLife(path: string): Promise<boolean> {
  try {
    await utimes(path, new Date(), new Date())
    return true
  } catch {
    return false
  }
}

function taken(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'EEXIST') throw error
}
