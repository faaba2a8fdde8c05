import { parse } from 'node:querystring'
import { describe, expect, it } from 'vitest'
import { readQuery } from '../../src/http/query.js'
import { newSeed, seeded } from '../support/seeded.js'

describe('a query', () => {
  it.each([
    '',
    '&',
    '=',
    'a',
    'a=',
    '=b',
    'a=b',
    'a=b=c',
    '&&a=1&&b=2&',
    'a=1&a=2&a=3',
    'a=%E4%BD%A0+b',
    'a=%',
    'toString=1&toString=2',
    'x=~._-',
  ])('reads as node:querystring reads it: %j', (query) => {
    expect({ ...readQuery(query) }).toEqual({ ...parse(query) })
  })

  it('has no __proto__', () => {
    expect(readQuery('__proto__=1&a=2')).toEqual({ a: '2' })
    expect(Object.getPrototypeOf(readQuery('__proto__=1'))).toBe(Object.prototype)
  })

  const seed = newSeed()
  it(`reads as node:querystring reads it, 20,000 random ones, seed ${seed}`, () => {
    const random = seeded(seed)
    const characters = ['a', 'b', '=', '&', '%', '4', '1', '+', '.', '_']
    for (let n = 0; n < 20_000; n += 1) {
      const length = Math.floor(random() * 20)
      const query = Array.from({ length }, () => characters[Math.floor(random() * characters.length)]).join('')
      expect([query, { ...readQuery(query) }]).toEqual([query, { ...parse(query) }])
    }
  })

  it('of a stranger that repeats itself has at most 1,000 values, and so is read in a time that grows with its length', () => {
    for (const part of ['a&', 'a=1&', 'toString&', '&']) {
      const { a = [] } = readQuery(part.repeat(8000))
      expect([a].flat().length).toBeLessThanOrEqual(1000)
    }
  })
})
