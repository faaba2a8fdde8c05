import { expect, it } from 'vitest'
import { allows, allowsExactly } from '../../src/access/scope.js'
import { isGuarded } from '../../src/gateway/guarded.js'
import { isUnderRoot } from '../../src/gateway/roots.js'
import { readTarget } from '../../src/gateway/target.js'
import type { Scope } from '../../src/http/route.js'
import { faultOfQuery, isCredentialPath, leniently } from '../gateway/targets-oracle.js'
import { newSeed, seeded } from '../support/seeded.js'
import { targets } from './targets-generator.js'

const seed = newSeed()
const times = 1_000_000
const origin = 'https://api.weixin.qq.com'
const token = 'the_real-token'
const wildcards: Scope[] = [
  'admin',
  'gateway:/*',
  'gateway:/cgi-bin/*',
  'gateway:/sns/*',
  'gateway:/wxa/*',
  'gateway:/cgi-bin/ticket/*',
]
const wide = { accounts: ['*'], scopes: wildcards }
const narrow = { accounts: ['*'], scopes: ['gateway:/cgi-bin/message/*' as const] }

/** What is wrong with taking this target for this path and query; nothing if it is right. */
function faultOf(target: string, path: string, rest: string): string | undefined {
  if ((target.split('?')[0] ?? '') !== path) return 'another path is judged than was sent'
  const url = new URL(path, origin)
  if (url.origin !== origin || url.pathname !== path || url.search !== '') return 'the path leads elsewhere'
  if (!/^\/[a-z]/.test(path)) return 'the path is under no root'
  const meant = leniently(path)
  if (`/${meant}` !== path.toLowerCase().replaceAll(/\.+(?=\/|$)/g, '')) return 'the path has two meanings'
  if (isCredentialPath(path) !== isGuarded(path)) return 'it is not guarded as it should be'
  if (allowsExactly(wide, path, 'shop')) return 'a wildcard opens it as if it were named'
  if (allows(narrow, `gateway:${path}`) !== meant.startsWith('cgi-bin/message/')) return 'a scope takes in another path'
  return faultOfQuery(`access_token=${token}${rest}`, token)
}

it(`takes none of ${times} generated targets in two meanings (seed ${seed})`, () => {
  const next = targets(seeded(seed))
  const taken = { all: 0, guarded: 0, withToken: 0, withRest: 0 }
  for (let time = 0; time < times; time += 1) {
    const target = next()
    if (!isUnderRoot(target)) continue
    const read = readTarget(target)
    if ('refused' in read) continue
    const fault = faultOf(target, read.path, read.rest)
    if (fault !== undefined) expect.fail(`${JSON.stringify(target)}: ${fault}`)
    taken.all += 1
    if (isGuarded(read.path)) taken.guarded += 1
    if (read.accessToken !== undefined) taken.withToken += 1
    if (read.rest !== '') taken.withRest += 1
  }
  expect(taken.all).toBeGreaterThan(times / 10)
  for (const number of Object.values(taken)) expect(number).toBeGreaterThan(times / 50)
})
