import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Secrets } from '../../src/wechat/secrets.js'
import { formsOf } from '../support/leaks.js'

/** Long enough to be looked for, and not found in the very word that takes its place. */
const secret = fc
  .string({ minLength: 6, maxLength: 40, unit: 'binary-ascii' })
  .filter((each) => !'[secret]'.includes(each))

function holding(...values: string[]): Secrets {
  const secrets = new Secrets()
  secrets.keep(...values)
  return secrets
}

describe('Secrets', () => {
  it('takes a secret out of any text, in every form', () => {
    fc.assert(
      fc.property(secret, fc.string(), fc.string(), (value, before, after) => {
        const secrets = holding(value)
        for (const form of formsOf(value)) expect(secrets.redact(`${before}${form}${after}`)).not.toContain(form)
      }),
    )
  })

  it('takes out every one of several secrets, though one is part of another', () => {
    fc.assert(
      fc.property(secret, secret, fc.string(), (one, two, between) => {
        const text = `${one}${two}${between}${two}${one}${one}`
        const clean = holding(one, two, one + two).redact(text)
        for (const value of [one, two]) expect(clean).not.toContain(value)
      }),
    )
  })

  it('takes a secret out as a whole, though another one is its beginning', () => {
    expect(holding('secret-1', 'secret-1-and-more').redact('a secret-1-and-more')).toBe('a [secret]')
  })

  it('leaves a text without secrets as it is', () => {
    fc.assert(
      fc.property(secret, fc.string(), (value, text) => {
        fc.pre(!formsOf(value).some((form) => text.includes(form.replace(/=+$/, ''))))
        expect(holding(value).redact(text)).toBe(text)
      }),
    )
  })

  it('leaves what stands around a secret', () => {
    expect(holding('0123456789').redact('a 0123456789 b 0123456789 c')).toBe('a [secret] b [secret] c')
  })

  it('does not look for what is shorter than six characters', () => {
    expect(holding('token', '').redact('the token')).toBe('the token')
  })

  it('is not misled by a secret with signs that mean something in a pattern', () => {
    expect(holding('a.c*(e)$&').redact('a.c*(e)$& abcccc')).toBe('[secret] abcccc')
  })

  it('keeps the latest four values of a slot, and each slot apart', () => {
    const secrets = new Secrets()
    for (const value of ['value-1', 'value-2', 'value-3', 'value-4', 'value-5']) secrets.rotate('slot', value)
    secrets.rotate('other', 'other-1')
    expect(secrets.redact('value-1 value-2 value-5 other-1')).toBe('value-1 [secret] [secret] [secret]')
  })

  it('does not forget a value because another one is told twice', () => {
    const secrets = new Secrets()
    for (const value of ['value-1', 'value-2', 'value-2', 'value-2', 'value-2']) secrets.rotate('slot', value)
    expect(secrets.redact('value-1')).toBe('[secret]')
  })
})
