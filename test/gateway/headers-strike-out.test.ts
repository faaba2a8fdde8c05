import { expect, it } from 'vitest'
import { StrikeOut } from '../../src/gateway/strike-out.js'
import { newSeed, seeded } from '../support/seeded.js'

const seed = newSeed()
const random = seeded(seed)
const upTo = (limit: number) => Math.floor(random() * limit)

function passed(secret: string, chunks: readonly string[]): string {
  const strikeOut = new StrikeOut(secret)
  const shown = chunks.map((chunk) => strikeOut.pass(Buffer.from(chunk)))
  return Buffer.concat([...shown, strikeOut.end() ?? Buffer.alloc(0)]).toString()
}

function cut(text: string): string[] {
  const chunks: string[] = []
  for (let at = 0; at < text.length; ) {
    const length = 1 + upTo(6)
    chunks.push(text.slice(at, at + length))
    at += length
  }
  return chunks
}

it(`strikes a secret out however the bytes are cut, and nothing else (seed ${seed})`, () => {
  for (let time = 0; time < 20_000; time += 1) {
    // Few letters: so the beginning of the secret is everywhere, and the secret overlaps itself.
    const secret = Array.from({ length: 1 + upTo(8) }, () => 'ab'[upTo(2)]).join('')
    const text = Array.from({ length: upTo(60) }, () => 'abbac'[upTo(5)]).join('')
    const whole = text.replaceAll(secret, '*'.repeat(secret.length))
    expect([secret, text, passed(secret, cut(text))]).toEqual([secret, text, whole])
  }
})

it('keeps nothing back that cannot be the beginning of the secret', () => {
  const strikeOut = new StrikeOut('secret')
  expect(strikeOut.pass(Buffer.from('no secre'))).toEqual(Buffer.from('no '))
  expect(strikeOut.pass(Buffer.from('cy'))).toEqual(Buffer.from('secrecy'))
  expect(strikeOut.end()).toBeUndefined()
})
