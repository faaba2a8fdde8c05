import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Client, Clients } from '../../src/access/client.js'
import { hashKey, makeKey } from '../../src/access/key.js'

const crm = { keyHash: [hashKey('crm-key'), hashKey('crm-old')], accounts: ['shop'], scopes: ['token' as const] }
const stored: Client = { name: 'first', keyHashes: [hashKey('first-key')], accounts: ['*'], scopes: ['admin'] }

it('finds each client by each of its keys, and nobody by a hash, a part or nothing', () => {
  const clients = new Clients({ configured: { crm }, key: 'the-hub-key', stored: [stored] })
  expect(clients.byKey('crm-key')).toEqual({
    name: 'crm',
    keyHashes: crm.keyHash,
    accounts: ['shop'],
    scopes: ['token'],
  })
  expect(clients.byKey('crm-old')?.name).toBe('crm')
  expect(clients.byKey('first-key')).toBe(stored)
  expect(clients.byKey('the-hub-key')).toMatchObject({ name: 'hub', accounts: ['*'], scopes: ['admin'] })
  for (const key of ['', 'crm', 'crm-key ', hashKey('crm-key'), '__proto__', 'constructor']) {
    expect(clients.byKey(key)).toBeUndefined()
  }
  expect(clients.size).toBe(4)
})

it('takes hashes in upper case', () => {
  const clients = new Clients({ configured: { crm: { ...crm, keyHash: [hashKey('crm-key').toUpperCase()] } } })
  expect(clients.byKey('crm-key')?.name).toBe('crm')
})

it('has no client without sources', () => {
  expect(new Clients({}).byKey('')).toBeUndefined()
  expect(new Clients({}).size).toBe(0)
})

it('refuses a made key with a wrong checksum even if its hash is known', () => {
  const broken = `whk_${'0'.repeat(49)}`
  const clients = new Clients({ configured: { crm: { ...crm, keyHash: [hashKey(broken)] } } })
  expect(clients.byKey(broken)).toBeUndefined()
})

it('finds clients by their names too', () => {
  const clients = new Clients({ configured: { crm }, key: 'the-hub-key', stored: [stored] })
  expect(clients.byName('first')).toBe(stored)
  expect(clients.byName('crm')?.keyHashes).toEqual(crm.keyHash)
  expect(clients.byName('hub')?.scopes).toEqual(['admin'])
  for (const name of ['', 'nobody', 'constructor', '__proto__']) expect(clients.byName(name)).toBeUndefined()
})

it('goes by the configuration where a stored client has a name or a key of it', () => {
  const impostors: Client[] = [
    { ...stored, name: 'crm' },
    { ...stored, name: 'hub', keyHashes: [hashKey('other-key')] },
    { ...stored, name: 'bot', keyHashes: [hashKey('crm-key')] },
  ]
  const clients = new Clients({ configured: { crm }, key: 'the-hub-key', stored: impostors })
  expect(clients.byKey('first-key')).toBeUndefined()
  expect(clients.byKey('other-key')).toBeUndefined()
  expect(clients.byKey('crm-key')).toMatchObject({ name: 'crm', scopes: ['token'] })
  expect(clients.byName('crm')?.scopes).toEqual(['token'])
  expect(clients.byKey('the-hub-key')?.name).toBe('hub')
})

describe('when the stored clients are replaced', () => {
  it('a key that was in use is dead at once, and its client gone', () => {
    const clients = new Clients({ configured: { crm }, stored: [stored] })
    expect(clients.byKey('first-key')).toBe(stored)
    expect(clients.byKey('crm-key')?.name).toBe('crm')
    clients.replaceStored([])
    expect(clients.byKey('first-key')).toBeUndefined()
    expect(clients.byName('first')).toBeUndefined()
    expect(clients.byKey('crm-key')?.name).toBe('crm')
    expect(clients.size).toBe(2)
  })

  it('what a client may do is what it may do now', () => {
    const clients = new Clients({ stored: [stored] })
    expect(clients.byKey('first-key')?.scopes).toEqual(['admin'])
    clients.replaceStored([{ ...stored, scopes: ['metrics'], keyHashes: [hashKey('new-key'), ...stored.keyHashes] }])
    expect(clients.byKey('first-key')?.scopes).toEqual(['metrics'])
    expect(clients.byKey('new-key')?.name).toBe('first')
  })

  it('the configuration still counts before them', () => {
    const clients = new Clients({ configured: { crm } })
    clients.replaceStored([{ ...stored, name: 'crm' }])
    expect(clients.byKey('first-key')).toBeUndefined()
    expect(clients.byName('crm')?.accounts).toEqual(['shop'])
  })
})

it('lets none of 100,000 random keys in', () => {
  const right = makeKey()
  const clients = new Clients({ configured: { crm }, key: right, stored: [stored] })
  const digit = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
  const body = fc.string({ unit: fc.constantFrom(...digit), minLength: 49, maxLength: 49 })
  const near = fc
    .tuple(fc.nat(right.length - 1), fc.constantFrom(...digit))
    .map(([i, letter]) => right.slice(0, i) + letter + right.slice(i + 1))
  const any = fc.oneof({ weight: 4, arbitrary: body.map((text) => `whk_${text}`) }, body, near, fc.string())
  fc.assert(
    fc.property(any, (key) => {
      expect(clients.byKey(key)?.name).toBe(key === right ? 'hub' : undefined)
    }),
    { numRuns: 100_000 },
  )
})
