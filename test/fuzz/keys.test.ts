import { expect, it } from 'vitest'
import { Clients } from '../../src/access/client.js'
import { hashKey, isWellFormed, makeKey } from '../../src/access/key.js'
import { newSeed, seeded } from '../support/seeded.js'

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const seed = newSeed()
const times = 1_000_000

it(`lets none of ${times} random keys in, well-formed or not (seed ${seed})`, () => {
  const random = seeded(seed)
  const rights = [makeKey(), makeKey(), 'correct-horse-battery-staple']
  const clients = new Clients({
    stored: [{ name: 'crm', keyHashes: rights.map(hashKey), accounts: ['*'], scopes: ['token'] }],
  })
  for (const right of rights) expect(clients.byKey(right)?.name).toBe('crm')
  const pick = (text: string) => text.charAt(Math.floor(random() * text.length))
  const text = (length: number) => Array.from({ length }, () => pick(digits)).join('')
  const makers = [
    // Of the right form, but for the checksum.
    () => `whk_${text(49)}`,
    // One letter of a right one changed.
    () => {
      const right = rights[Math.floor(random() * rights.length)] ?? ''
      const at = Math.floor(random() * right.length)
      return `${right.slice(0, at)}${pick(digits)}${right.slice(at + 1)}`
    },
    () => text(Math.floor(random() * 80)),
    () => `whk_${text(Math.floor(random() * 80))}`,
  ]
  let wellFormed = 0
  for (let time = 0; time < times; time += 1) {
    // Each tenth is well-formed: only the look-up can refuse it.
    const key = time % 10 === 0 ? makeKey() : (makers[time % makers.length]?.() ?? '')
    if (rights.includes(key)) continue
    if (isWellFormed(key)) wellFormed += 1
    if (clients.byKey(key) !== undefined) expect.fail(`${key} was let in`)
  }
  expect(wellFormed).toBeGreaterThan(times / 10)
  expect(clients.size).toBe(3)
})
