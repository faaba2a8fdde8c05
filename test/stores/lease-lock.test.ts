import { mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LeaseLock } from '../../src/stores/lease-lock.js'
import { Child } from '../support/child.js'
import type { LockCommands } from '../support/child-lock.js'
import { newSeed, seeded } from '../support/seeded.js'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js'

const seed = newSeed()
let root: string

beforeAll(() => {
  root = temporaryFolder()
})

afterAll(async () => {
  await Child.killAll()
  removeFolder(root)
})

/** A lock that is fought for, with what its contenders do and note under it. */
class Arena {
  readonly folder: string
  readonly counter: string
  readonly trace: string

  constructor(name: string) {
    mkdirSync(join(root, name))
    this.folder = join(root, name, 'lock')
    this.counter = join(root, name, 'counter')
    this.trace = join(root, name, 'trace')
    writeFileSync(this.counter, '0')
    writeFileSync(this.trace, '')
  }

  /** Leaves the lock as holder number `number` left it that died 10 s ago. */
  holderDied(number: number): void {
    mkdirSync(this.folder, { recursive: true })
    writeFileSync(this.numbered(number), '')
    const then = new Date(Date.now() - 10_000)
    utimesSync(this.numbered(number), then, then)
  }

  numbered(number: number): string {
    return join(this.folder, String(number))
  }

  get numbers(): number[] {
    return readdirSync(this.folder).map(Number)
  }

  get count(): number {
    return Number(readFileSync(this.counter, 'utf8'))
  }

  /** Who came in while another one was in. */
  get intruders(): string[] {
    const lines = readFileSync(this.trace, 'utf8').trim().split('\n')
    return lines.filter(
      (line, index) => line !== (index % 2 === 0 ? `in ${idOf(line)}` : `out ${idOf(lines[index - 1])}`),
    )
  }
}

function idOf(line = ''): string {
  return line.slice(line.indexOf(' ') + 1)
}

function startChildren(count: number): Promise<Child<LockCommands>[]> {
  return Promise.all(Array.from({ length: count }, () => Child.start<LockCommands>('child-lock')))
}

/** Each contender of each process takes the lock so many times. */
async function contend(children: Child<LockCommands>[], arena: Arena, contenders: number, times: number) {
  const { folder, counter, trace } = arena
  await Promise.all(children.map((child) => child.ask('contend', { folder, counter, trace, contenders, times })))
}

describe('one at a time', () => {
  it('lets one of 50 contenders in a process work at a time', async () => {
    const folder = join(root, 'lock')
    let inside = 0
    let most = 0
    let count = 0
    const work = async () => {
      inside += 1
      most = Math.max(most, inside)
      const before = count
      await turn()
      count = before + 1
      inside -= 1
    }
    await Promise.all(Array.from({ length: 50 }, () => new LeaseLock(folder).run(work)))
    expect({ most, count }).toEqual({ most: 1, count: 50 })
  })

  it('loses no update of four processes that write one file, and keeps their turns apart', async () => {
    const arena = new Arena('shared')
    await contend(await startChildren(4), arena, 2, 50)
    expect(arena.count).toBe(400)
    expect(arena.intruders).toEqual([])
  })

  it('lets one in at a time when many find the same dead holder', async () => {
    const children = await startChildren(4)
    const rounds = 60
    for (let round = 0; round < rounds; round += 4) {
      const arenas = [0, 1, 2, 3].map((number) => new Arena(`processes-${round + number}`))
      for (const arena of arenas) arena.holderDied(1_000_000)
      await Promise.all(arenas.map((arena) => contend(children, arena, 4, 1)))
      for (const arena of arenas) {
        expect(arena.count).toBe(16)
        expect(arena.intruders).toEqual([])
      }
    }
  })

  it('lets one in at a time when many of one process find the same dead holder', async () => {
    const fight = async (arena: Arena) => {
      arena.holderDied(1_000_000)
      let inside = 0
      const work = async () => {
        inside += 1
        expect(inside).toBe(1)
        await turn()
        inside -= 1
      }
      await Promise.all(Array.from({ length: 8 }, () => new LeaseLock(arena.folder).run(work)))
    }
    for (let round = 0; round < 20; round += 1) {
      await Promise.all(Array.from({ length: 10 }, (_, number) => fight(new Arena(`one-process-${round}-${number}`))))
    }
  })

  it(`lets one in at a time when contenders are paused at random instants (seed ${seed})`, async () => {
    const random = seeded(seed)
    // A contender that is paused between its look and its grasp misses many turns of the others.
    const arena = new Arena('paused')
    const children = await startChildren(3)
    let contending = true
    const contest = contend(children, arena, 8, 60).finally(() => {
      contending = false
    })
    while (contending) {
      const child = children[Math.floor(random() * children.length)]
      child?.signal('SIGSTOP')
      await delay(60 * random())
      child?.signal('SIGCONT')
      await delay(5 * random())
    }
    await contest
    expect(arena.intruders).toEqual([])
    expect(arena.count).toBe(1440)
  })

  it('counts up by one with each holder and never goes back', async () => {
    const arena = new Arena('counted')
    arena.holderDied(1_000_000)
    const children = await startChildren(2)
    let contending = true
    const contest = contend(children, arena, 4, 20).finally(() => {
      contending = false
    })
    const highest: number[] = []
    while (contending) {
      highest.push(Math.max(...arena.numbers))
      await turn()
    }
    await contest
    expect(highest).toEqual([...highest].sort((a, b) => a - b))
    expect(Math.max(...arena.numbers)).toBe(1_000_160)
  })
})

// At once: they wait for leases to run out.
describe.concurrent('a holder', () => {
  it('gives the lock back when its work fails', async () => {
    const arena = new Arena('failing')
    const lock = new LeaseLock(arena.folder)
    await expect(lock.run(() => Promise.reject(new Error('no luck')))).rejects.toThrow('no luck')
    expect(statSync(arena.numbered(1)).mtimeMs).toBe(0)
    expect(await lock.run(() => Promise.resolve('next'))).toBe('next')
    expect(arena.numbers).toEqual([2])
  })

  it('keeps the lock for longer than a lease while it lives; others are told LOCK_BUSY', async () => {
    const arena = new Arena('long')
    const [holder] = await startChildren(1)
    await holder?.ask('hold', arena.folder)
    const others = Array.from({ length: 3 }, () => new LeaseLock(arena.folder).run(() => Promise.resolve('mine')))
    for (const outcome of await Promise.allSettled(others)) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'LOCK_BUSY', kind: 'transient' } })
    }
    expect(await holder?.ask('remaining')).toBeGreaterThan(0)
    await holder?.ask('release')
    expect(await new LeaseLock(arena.folder).run(() => Promise.resolve('mine'))).toBe('mine')
  })

  it('loses the lock after its lease when it is killed', async () => {
    const arena = new Arena('killed')
    const [holder] = await startChildren(1)
    await holder?.ask('hold', arena.folder)
    await holder?.kill()
    expect(await new LeaseLock(arena.folder).run(() => Promise.resolve('mine'))).toBe('mine')
    expect(arena.numbers).toEqual([2])
  })

  it('loses the lock after its lease when it is frozen, and knows it when it goes on', async () => {
    const arena = new Arena('frozen')
    const [holder] = await startChildren(1)
    await holder?.ask('hold', arena.folder)
    holder?.signal('SIGSTOP')
    const remaining = await new LeaseLock(arena.folder).run(async (lease) => {
      holder?.signal('SIGCONT')
      expect(lease.remaining()).toBeGreaterThan(0)
      return holder?.ask('remaining')
    })
    expect(remaining).toBeLessThanOrEqual(0)
    await holder?.ask('release')
    expect(arena.numbers).toEqual([2])
  })

  it('does not take heart again after its lease ran out, though its file is still there', async () => {
    const arena = new Arena('lapsed')
    const [holder] = await startChildren(1)
    await holder?.ask('hold', arena.folder)
    holder?.signal('SIGSTOP')
    await delay(6_100)
    // The next holder has made its file and not yet removed the one before.
    writeFileSync(arena.numbered(2), '')
    holder?.signal('SIGCONT')
    // Time for a renewal, which comes every 1.5 s.
    await delay(1_600)
    expect(await holder?.ask('remaining')).toBeLessThanOrEqual(0)
  })
})

describe('a lock folder that cannot be made', () => {
  it("throws the system's error", async () => {
    writeFileSync(join(root, 'file'), '')
    const lock = new LeaseLock(join(root, 'file', 'lock'))
    await expect(lock.run(() => Promise.resolve())).rejects.toMatchObject({ code: 'ENOTDIR' })
  })
})
