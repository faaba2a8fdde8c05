import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Client, Clients } from '../../src/access/client.js'
import { HubTokens } from '../../src/access/hub-token.js'
import { hashKey, makeKey } from '../../src/access/key.js'
import { SigningKeys, signingKeysFile } from '../../src/access/signing-keys.js'
import { isClientName } from '../../src/access/stored-clients.js'
import { crossChecks } from '../../src/config/cross-checks.js'
import { fileText } from '../../src/stores/file-text.js'
import { MovableClock } from '../support/movable-clock.js'
import { shop } from '../support/running-hub.js'
import { newSeed, seeded } from '../support/seeded.js'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js'

const crmKey = makeKey()
const key = hashKey(crmKey)
const crm: Client = { name: 'crm', keyHashes: [key], accounts: ['shop'], scopes: ['gateway:/cgi-bin/*'] }
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.'
const seed = newSeed()

let dataDir: string
let clock: MovableClock
let keys: SigningKeys
let clients: Clients
let hubTokens: HubTokens

beforeEach(async () => {
  dataDir = temporaryFolder()
  clock = new MovableClock()
  keys = await SigningKeys.open(fileText(signingKeysFile(dataDir)), { clock, onEvent: ({ type }) => expect.fail(type) })
  clients = new Clients({ stored: [crm] })
  hubTokens = new HubTokens({ keys, clients, clock })
})

afterEach(async () => {
  await keys.close()
  removeFolder(dataDir)
})

/** A hub token for the client. */
function make(client: Client = crm): string {
  return hubTokens.make(client, crmKey, shop.appID)
}

/** Changes the stored client. */
function change(changed: Partial<Client>): void {
  clients.replaceStored([{ ...crm, ...changed }])
}

describe('a hub token', () => {
  it('tells its client and the appID', () => {
    expect(hubTokens.read(make())).toMatchObject({ client: crm, appID: shop.appID })
  })

  it('has at most 512 characters, of those that SDKs put into a URL as they are', () => {
    const longest: Client = { ...crm, name: 'x'.repeat(64) }
    clients.replaceStored([longest])
    const token = make(longest)
    expect(token.length).toBeLessThanOrEqual(512)
    expect(encodeURIComponent(token)).toBe(token)
    expect(hubTokens.read(token)?.client).toBe(longest)
  })

  it.each(['', 'x'.repeat(33), 'a\nb', 'a\u0000', 'a b', '顾客', 'a.b'])(
    'is not made for a configured client named %j: that name is refused',
    (name) => {
      const faults = crossChecks({ clients: { [name]: {} } }, false)
      expect(faults).toContainEqual(
        expect.objectContaining({ problem: 'is not a good name', remedy: 'use 1 to 32 letters, digits, "_" and "-"' }),
      )
    },
  )

  it('is not made for a stored client of more than 64 characters', () => {
    expect([isClientName('x'.repeat(64)), isClientName('x'.repeat(65))]).toEqual([true, false])
  })

  it('does not show the key that it was made with', () => {
    const token = make()
    for (const encoding of ['base64url', 'hex'] as const) {
      expect(token).not.toContain(Buffer.from(key, 'hex').toString(encoding))
      expect(token).not.toContain(Buffer.from(key).toString(encoding))
    }
  })

  it.each([false, true])('is refused with any one character changed, left out or put in; read before: %s', (before) => {
    const token = make()
    if (before) expect(hubTokens.read(token)).toBeDefined()
    let tried = 0
    const refuse = (changed: string) => {
      if (changed === token) return
      tried += 1
      if (hubTokens.read(changed) !== undefined) expect.fail(`taken: ${changed} for ${token}`)
    }
    for (let at = 0; at <= token.length; at += 1) {
      const [start, rest] = [token.slice(0, at), token.slice(at)]
      refuse(start + rest.slice(1))
      for (const letter of `${alphabet}=+/ \0`) {
        refuse(start + letter + rest.slice(1))
        refuse(start + letter + rest)
      }
    }
    expect(tried).toBeGreaterThan(token.length * 100)
    expect(hubTokens.read(token)).toBeDefined()
  })

  it('is no other account’s, and no other client’s', () => {
    const erp: Client = { ...crm, name: 'erp' }
    clients.replaceStored([crm, erp])
    const [prefixAndKey, name, appID, ...rest] = make().split('.')
    const join = (...parts: (string | undefined)[]) => parts.join('.')
    expect(hubTokens.read(join(prefixAndKey, name, appID, ...rest))).toBeDefined()
    expect(hubTokens.read(join(prefixAndKey, name, 'wxfedcba9876543210', ...rest))).toBeUndefined()
    const other = Buffer.from('erp').toString('base64url')
    expect(hubTokens.read(join(prefixAndKey, other, appID, ...rest))).toBeUndefined()
  })

  it('lives the 7200 s that were told and 300 s more, to the second', async () => {
    const token = make()
    await clock.advance(7_499_999)
    expect(hubTokens.read(token)).toBeDefined()
    await clock.advance(1)
    expect(hubTokens.read(token)).toBeUndefined()
    expect(new HubTokens({ keys, clients, clock }).read(token)).toBeUndefined()
  })

  it('is the same one for a minute, to the same key and account, until the client changes', async () => {
    const token = make()
    await clock.advance(59_999)
    expect(make()).toBe(token)
    expect(hubTokens.make(crm, crmKey, 'wxfedcba9876543210')).not.toBe(token)
    await clock.advance(1)
    const next = make()
    expect(next).not.toBe(token)
    clock.jump(-1000)
    expect(make()).not.toBe(next)
    clock.jump(1000)
    change({ name: 'erp' })
    const renamed = clients.byName('erp') ?? crm
    expect(hubTokens.read(make(renamed))?.client).toBe(renamed)
  })

  it('is not made to live longer by another end', () => {
    const parts = make().split('.')
    const later = (Number.parseInt(parts[3] ?? '', 36) + 1).toString(36)
    expect(hubTokens.read(parts.with(3, later).join('.'))).toBeUndefined()
  })

  it('dies with its client', () => {
    const token = make()
    expect(hubTokens.read(token)).toBeDefined()
    clients.replaceStored([])
    expect(hubTokens.read(token)).toBeUndefined()
    clients.replaceStored([{ ...crm, keyHashes: [hashKey(makeKey())] }])
    expect(hubTokens.read(token)).toBeUndefined()
  })

  it('dies with the key that it was made with, not when a second one is added', () => {
    const token = make()
    const second = makeKey()
    change({ keyHashes: [hashKey(second), key] })
    expect(hubTokens.read(token)).toBeDefined()
    change({ keyHashes: [hashKey(second)] })
    expect(hubTokens.read(token)).toBeUndefined()
    const client = clients.byName('crm') ?? crm
    expect(hubTokens.read(hubTokens.make(client, second, shop.appID))).toBeDefined()
  })

  it('tells the scopes and accounts that its client has now', () => {
    const token = make()
    expect(hubTokens.read(token)?.client.scopes).toEqual(crm.scopes)
    change({ scopes: ['ticket'], accounts: [] })
    expect(hubTokens.read(token)?.client).toMatchObject({ scopes: ['ticket'], accounts: [] })
  })

  it('lives to its end though the next signing key comes right after it', async () => {
    await clock.advance(24 * 3_600_000)
    const token = make()
    await keys.idle()
    await clock.advance(2000)
    expect(make().slice(0, 12)).not.toBe(token.slice(0, 12))
    await clock.advance(7_497_000)
    expect(hubTokens.read(token)).toBeDefined()
    expect(new HubTokens({ keys, clients, clock }).read(token)).toBeDefined()
  })

  it('lives through a restart of the hub, and not through the loss of the signing keys', async () => {
    const token = make()
    const again = await SigningKeys.open(fileText(signingKeysFile(dataDir)), {
      clock,
      onEvent: ({ type }) => expect.fail(type),
    })
    expect(new HubTokens({ keys: again, clients, clock }).read(token)).toBeDefined()
    await writeFile(join(dataDir, 'hub-token-keys.json'), 'broken')
    const anew = await SigningKeys.open(fileText(signingKeysFile(dataDir)), { clock, onEvent: () => undefined })
    expect(new HubTokens({ keys: anew, clients, clock }).read(token)).toBeUndefined()
  })

  it('of another hub is refused', async () => {
    const elsewhere = temporaryFolder()
    const others = await SigningKeys.open(fileText(signingKeysFile(elsewhere)), {
      clock,
      onEvent: ({ type }) => expect.fail(type),
    })
    const theirs = new HubTokens({ keys: others, clients, clock }).make(crm, crmKey, shop.appID)
    expect(hubTokens.read(theirs)).toBeUndefined()
    // Even under the id of a key of this hub.
    expect(hubTokens.read(`${make().slice(0, 12)}${theirs.slice(12)}`)).toBeUndefined()
    removeFolder(elsewhere)
  })

  it('is too long to be one from 513 characters on', () => {
    const endless: Client = { ...crm, name: 'x'.repeat(400) }
    clients.replaceStored([endless])
    expect(make(endless).length).toBeGreaterThan(512)
    expect(hubTokens.read(make(endless))).toBeUndefined()
  })

  it(`is not met by any of 200000 random ones (seed ${seed})`, () => {
    const random = seeded(seed)
    const token = make()
    const [prefixAndKey = '', name, appID, end] = token.split('.')
    const text = (length: number) =>
      Array.from({ length }, () => alphabet.charAt(Math.floor(random() * (alphabet.length - 1)))).join('')
    const makers = [
      () => `${prefixAndKey}.${name}.${appID}.${end}.${text(43)}`,
      () => `wht_${text(8)}.${name}.${appID}.${end}.${text(43)}`,
      () => `${prefixAndKey}.${text(4)}.${appID}.${Math.floor(random() * 1e10).toString(36)}.${text(43)}`,
      () => {
        const at = Math.floor(random() * (token.length - 8))
        return token.slice(0, at) + text(8) + token.slice(at + 8)
      },
      () => `wht_${text(Math.floor(random() * 200))}`,
    ]
    for (let time = 0; time < 200_000; time += 1) {
      const made = makers[time % makers.length]?.() ?? ''
      if (made !== token && hubTokens.read(made) !== undefined) expect.fail(`taken: ${made} for ${token}`)
    }
    expect(hubTokens.read(token)).toBeDefined()
  })
})
