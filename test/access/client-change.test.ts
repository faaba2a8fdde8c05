import { expect, it } from 'vitest'
import type { Client } from '../../src/access/client.js'
import { changesBetween } from '../../src/access/client-change.js'

const crm: Client = { name: 'crm', keyHashes: ['a', 'b'], accounts: ['shop'], scopes: ['token'] }
const bot: Client = { ...crm, name: 'bot', keyHashes: ['c'] }

it.each<[string, Client[], Client[], object[]]>([
  ['nothing', [crm, bot], [bot, { ...crm }], []],
  ['a client more', [crm], [crm, bot], [{ client: 'bot', change: 'added' }]],
  ['a client less', [crm, bot], [bot], [{ client: 'crm', change: 'revoked' }]],
  ['a second key', [bot], [{ ...bot, keyHashes: ['d', 'c'] }], [{ client: 'bot', change: 'rotated' }]],
  ['a key less', [crm], [{ ...crm, keyHashes: ['a'] }], [{ client: 'crm', change: 'rotated' }]],
  ['other scopes', [crm], [{ ...crm, scopes: ['admin'] }], [{ client: 'crm', change: 'changed' }]],
  ['other accounts', [crm], [{ ...crm, accounts: ['*'] }], [{ client: 'crm', change: 'changed' }]],
  [
    'another name',
    [crm],
    [{ ...crm, name: 'erp' }],
    [
      { client: 'erp', change: 'added' },
      { client: 'crm', change: 'revoked' },
    ],
  ],
])('tells of %s', (_what, before, after, changes) => {
  expect(changesBetween(before, after)).toEqual(changes)
})
