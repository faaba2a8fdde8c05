import { describe, expect, it } from 'vitest'
import { Handling } from '../../src/callback/handling.js'
import { Handlings } from '../../src/callback/handlings.js'

function finished(): Handling {
  const handling = new Handling()
  handling.finish('')
  return handling
}

describe('the handlings of the latest pushes', () => {
  it('are kept for at least 60 s after they finished, and at most 120 s', () => {
    const handlings = new Handlings()
    handlings.forget(1_000)
    handlings.add('early', finished())
    handlings.forget(60_999)
    handlings.add('late', finished())
    handlings.forget(61_000)
    handlings.forget(120_999)
    expect(['early', 'late'].map((id) => handlings.get(id) === undefined)).toEqual([false, false])
    handlings.forget(121_000)
    expect(['early', 'late'].map((id) => handlings.get(id) === undefined)).toEqual([true, true])
  })

  it('are kept from when they finished on, however long they took', () => {
    const handlings = new Handlings()
    const slow = new Handling()
    handlings.forget(0)
    handlings.add('slow', slow)
    for (let now = 60_000; now < 600_000; now += 60_000) handlings.forget(now)
    slow.finish('')
    handlings.forget(600_000)
    expect(handlings.get('slow')).toBe(slow)
    handlings.forget(660_000)
    expect(handlings.get('slow')).toBeUndefined()
  })

  it('are never let go of while they go on', () => {
    const handlings = new Handlings()
    handlings.add('a', new Handling())
    for (const now of [1e8, 2e8, 3e8]) handlings.forget(now)
    expect(handlings.get('a')).toBeDefined()
  })

  it('are no more than 50,000, of which the latest 25,000 are kept', () => {
    const handlings = new Handlings()
    for (let n = 0; n < 50_001; n++) {
      handlings.forget(0)
      handlings.add(String(n), finished())
    }
    expect(['0', '24999', '25000', '50000'].map((id) => handlings.get(id) === undefined)).toEqual([
      ...[true, true, false, false],
    ])
  })
})
