import { describe, expect, it } from 'vitest'
import { Handling } from '../../src/callback/handling.js'
import { Handlings } from '../../src/callback/handlings.js'

function finishedAt(at: number): Handling {
  const handling = new Handling()
  handling.finish('', at)
  return handling
}

describe('the handlings of the latest pushes', () => {
  it('are kept for 60 s after they finished', () => {
    const handlings = new Handlings()
    handlings.add('a', finishedAt(1000))
    handlings.forget(60_999)
    expect(handlings.get('a')).toBeDefined()
    handlings.forget(61_000)
    expect(handlings.get('a')).toBeUndefined()
  })

  it('go one after the other, and so do those that come when none was left', () => {
    const handlings = new Handlings()
    for (const [second, id] of ['a', 'b', 'c'].entries()) handlings.add(id, finishedAt(second * 1000))
    handlings.forget(60_000)
    expect(['a', 'b', 'c'].map((id) => handlings.get(id) === undefined)).toEqual([true, false, false])
    handlings.forget(62_000)
    handlings.add('d', finishedAt(62_000))
    handlings.forget(121_999)
    expect(['b', 'c', 'd'].map((id) => handlings.get(id) === undefined)).toEqual([true, true, false])
    handlings.forget(122_000)
    expect(handlings.get('d')).toBeUndefined()
  })

  it('are never let go of while they go on', () => {
    const handlings = new Handlings()
    handlings.add('a', new Handling())
    handlings.forget(1e9)
    expect(handlings.get('a')).toBeDefined()
  })

  it('are no more than 50,000', () => {
    const handlings = new Handlings()
    for (let n = 0; n < 50_001; n++) {
      handlings.forget(0)
      handlings.add(String(n), finishedAt(0))
    }
    expect(['0', '1', '50000'].map((id) => handlings.get(id) === undefined)).toEqual([true, false, false])
  })
})
