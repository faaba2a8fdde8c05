import { expect, it } from 'vitest'
import { allows, isScope } from '../../src/access/scope.js'
import type { Scope } from '../../src/http/route.js'

const scopes: Scope[] = [
  'token',
  'ticket',
  'jssdk',
  'session',
  'metrics',
  'admin',
  'gateway:/cgi-bin/menu/get',
  'gateway:/cgi-bin/message/*',
]

it('allows what is held, and everything to admin, for the own accounts: scope by scope', () => {
  for (const held of scopes) {
    for (const wanted of scopes) {
      const right = held === wanted || held === 'admin'
      const own = { accounts: ['shop', 'blog'], scopes: [held] }
      expect(allows(own, wanted), `${held} -> ${wanted}`).toBe(right)
      expect(allows(own, wanted, 'shop')).toBe(right)
      expect(allows(own, wanted, 'blog')).toBe(right)
      expect(allows(own, wanted, 'other')).toBe(false)
      expect(allows({ accounts: ['*'], scopes: [held] }, wanted, 'other')).toBe(right)
      expect(allows({ accounts: [], scopes: [held] }, wanted, 'shop')).toBe(false)
      expect(allows({ accounts: [], scopes: [held] }, wanted)).toBe(right)
    }
    expect(allows({ accounts: ['*'], scopes: [] }, held)).toBe(false)
  }
})

it.each<[Scope, Scope, boolean]>([
  ['gateway:/cgi-bin/message/*', 'gateway:/cgi-bin/message/custom/send', true],
  ['gateway:/cgi-bin/message/*', 'gateway:/cgi-bin/message/a', true],
  ['gateway:/cgi-bin/message/*', 'gateway:/cgi-bin/messages', false],
  ['gateway:/cgi-bin/message/*', 'gateway:/cgi-bin/message', false],
  ['gateway:/cgi-bin/message/*', 'gateway:/cgi-bin/message/', false],
  ['gateway:/cgi-bin/message/*', 'gateway:/cgi-bin/message/../token', false],
  ['gateway:/cgi-bin/message/*', 'gateway:/cgi-bin/message/./a', false],
  ['gateway:/cgi-bin/message/*', 'gateway:/cgi-bin/message/%2e%2e/token', false],
  ['gateway:/cgi-bin/message/*', 'gateway:/cgi-bin/message//a', false],
  ['gateway:/cgi-bin/message/*', 'gateway:/CGI-BIN/message/a', false],
  ['gateway:/cgi-bin/message/*', 'gateway:/wxa/cgi-bin/message/a', false],
  ['gateway:/cgi-bin/menu/get', 'gateway:/cgi-bin/menu/get', true],
  ['gateway:/cgi-bin/menu/get', 'gateway:/cgi-bin/menu/get/more', false],
  ['gateway:/cgi-bin/menu/get', 'gateway:/cgi-bin/menu', false],
  ['gateway:/*', 'gateway:/cgi-bin/menu/get', true],
  ['gateway:/*', 'token', false],
  ['token', 'gateway:/token', false],
])('judges %s against %s: %s', (held, wanted, right) => {
  expect(allows({ accounts: ['*'], scopes: [held] }, wanted)).toBe(right)
})

it('knows a scope', () => {
  for (const scope of [...scopes, 'gateway:/*', 'gateway:/a_b-c.d/*']) expect(isScope(scope), scope).toBe(true)
})

it.each([
  '',
  'Token',
  'token ',
  'tokens',
  'gateway',
  'gateway:',
  'gateway:/',
  'gateway:*',
  'gateway:cgi-bin',
  'gateway:/a/',
  'gateway:/a//b',
  'gateway:/a/../b',
  'gateway:/./*',
  'gateway:/a*',
  'gateway:/a/*/b',
  'gateway:/a/**',
  'gateway:/%61',
  'gateway:/a?b',
  'gateway:/a\n',
  `gateway:/${'a'.repeat(250)}`,
  'toString',
])('does not know %j', (text) => {
  expect(isScope(text)).toBe(false)
})

it('takes no longer over a hostile text', () => {
  const text = `gateway:${'/a'.repeat(50_000)}!`
  const start = performance.now()
  expect(isScope(text)).toBe(false)
  expect(allows({ accounts: ['*'], scopes: ['gateway:/*'] }, `gateway:${'/a'.repeat(50_000)}!`)).toBe(false)
  expect(performance.now() - start).toBeLessThan(1000)
})
