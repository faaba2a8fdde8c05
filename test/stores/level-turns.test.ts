import { describe, expect, it } from 'vitest'
import { Turns } from '../../src/stores/level-turns.js'
import { turn } from '../support/movable-clock.js'
import { newSeed, seeded } from '../support/seeded.js'

const seed = newSeed()

describe('turns', () => {
  it('on a key come one after the other, in the order in which they were asked for', async () => {
    const turns = new Turns()
    const trace: string[] = []
    const work = (name: string) => async () => {
      trace.push(`in ${name}`)
      await turn()
      trace.push(`out ${name}`)
    }
    await Promise.all(['a', 'b', 'c'].map((name) => turns.run(['key'], work(name))))
    expect(trace).toEqual(['in a', 'out a', 'in b', 'out b', 'in c', 'out c'])
  })

  it('on other keys wait for nothing', async () => {
    const turns = new Turns()
    let letGo: () => void = () => undefined
    const held = turns.run(['a', 'b'], () => new Promise<void>((resolve) => (letGo = resolve)))
    expect(await turns.run(['c'], async () => 'done')).toBe('done')
    let reached = false
    const next = turns.run(['b'], async () => {
      reached = true
    })
    await turn()
    expect(reached).toBe(false)
    letGo()
    await Promise.all([held, next])
    expect(reached).toBe(true)
  })

  it('go on after one that failed', async () => {
    const turns = new Turns()
    const failed = turns.run(['a'], () => Promise.reject(new Error('mine')))
    const next = turns.run(['a'], async () => 'done')
    await expect(failed).rejects.toThrow('mine')
    expect(await next).toBe('done')
  })

  it(`never meet on a key nor wait for each other for good, whichever keys they take (seed ${seed})`, async () => {
    const random = seeded(seed)
    const turns = new Turns()
    const busy = new Set<string>()
    const one = async () => {
      // The same one twice now and then.
      const keys = Array.from({ length: 1 + Math.floor(random() * 4) }, () => String(Math.floor(random() * 6)))
      await turns.run(keys, async () => {
        expect(keys.filter((key) => busy.has(key))).toEqual([])
        for (const key of keys) busy.add(key)
        await turn()
        for (const key of keys) busy.delete(key)
      })
    }
    await Promise.all(Array.from({ length: 500 }, one))
  })
})
