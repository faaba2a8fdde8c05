import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { hashKey, isWellFormed, makeKey } from '../../src/access/key.js'

it('makes keys of the promised form, each of its own', () => {
  const keys = Array.from({ length: 1000 }, makeKey)
  for (const key of keys) {
    expect(key).toMatch(/^whk_[0-9A-Za-z]{49}$/)
    expect(isWellFormed(key)).toBe(true)
  }
  expect(new Set(keys).size).toBe(1000)
})

it('uses every digit in every place but the first, which 256 bits do not fill', () => {
  const keys = Array.from({ length: 3000 }, makeKey)
  for (let place = 5; place < 53; place++) {
    expect(new Set(keys.map((key) => key[place])).size, `place ${place}`).toBe(62)
  }
})

it('finds any one letter changed, two swapped, one missing or one too many', () => {
  const key = makeKey()
  for (let i = 4; i < key.length; i++) {
    const other = key[i] === 'a' ? 'b' : 'a'
    expect(isWellFormed(key.slice(0, i) + other + key.slice(i + 1))).toBe(false)
    const swapped = key.slice(0, i) + (key[i + 1] ?? '') + (key[i] ?? '') + key.slice(i + 2)
    expect(isWellFormed(swapped)).toBe(swapped === key)
    expect(isWellFormed(key.slice(0, i) + key.slice(i + 1))).toBe(false)
  }
  expect(isWellFormed(`${key}a`)).toBe(false)
  expect(isWellFormed('whk_')).toBe(false)
  expect(isWellFormed(`${key.slice(0, -1)}é`)).toBe(false)
})

it('leaves other keys to the operator', () => {
  expect(isWellFormed('correct-horse-battery-staple')).toBe(true)
  expect(isWellFormed('WHK_1')).toBe(true)
})

it('hashes with SHA-256, in hex', () => {
  expect(hashKey('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  expect(hashKey('é')).toBe(createHash('sha256').update('é', 'utf8').digest('hex'))
})
