import { afterEach, describe, expect } from 'vitest'
import { blog, shop } from '../support/running-hub.js'
import { realTokens } from './recording-upstream.js'
import { bearer, type GatewayScene, gatewayTest, type RawAnswer, testClient } from './recording-upstream-scene.js'
import { faultOf } from './targets-oracle.js'
import { takenTargets, tokenNames } from './targets-queries.js'
import { guardedTargets, refusedTargets } from './targets-tricks.js'

const callers = {
  narrow: testClient(['shop'], 'gateway:/cgi-bin/message/*'),
  wide: testClient(['shop'], 'gateway:/*'),
  admin: testClient(['shop'], 'admin'),
}
const scopes = { narrow: '/cgi-bin/message/', wide: '/', admin: '/' }
const test = gatewayTest(callers)
const names = ['narrow', 'wide', 'admin'] as const
const real = realTokens[shop.appID] ?? ''
const methods = ['GET', 'POST']

afterEach<{ scene: GatewayScene }>(({ scene }) => {
  expect(scene.forbidden.connections).toBe(0)
})

/** As text of bytes, which is what goes over the wire. */
function wire(target: string, { forbidden }: GatewayScene): string {
  return Buffer.from(target.replaceAll('EVIL', forbidden.host), /[^\0-\xff]/.test(target) ? 'utf8' : 'latin1').toString(
    'latin1',
  )
}

/** How a call may end that is not to reach WeChat: in a refusal, or in no answer at all. */
function isRefusal(answer: RawAnswer | undefined): boolean {
  if (answer === undefined || (answer.status >= 400 && answer.status < 500) || answer.status === 501) return true
  return answer.status === 200 && JSON.parse(answer.body).errcode !== 0
}

/** Calls as each client and in each way to show who one is; what arrives must be what was judged. */
async function attack(scene: GatewayScene, target: string, arrives: (name: (typeof names)[number]) => boolean) {
  const sent = wire(target, scene)
  const path = sent.split('?')[0] ?? ''
  for (const name of names) {
    const token = name === 'admin' ? real : await scene.tokenFor(callers[name])
    const byToken = sent.includes('?') ? sent.replace('?', `?access_token=${token}&`) : `${sent}?access_token=${token}`
    const ways = [
      [sent, [bearer(callers[name])]],
      [byToken, []],
    ] as const
    for (const [whole, lines] of ways) {
      for (const method of methods) {
        const answer = await scene.call(whole, lines, method)
        const arrived = scene.arrived()
        const judged = { path, token: real, host: scene.upstream.host, scope: scopes[name] }
        expect([name, arrived.map((each) => faultOf(each, judged) ?? 'right')]).toEqual([
          name,
          arrived.map(() => 'right'),
        ])
        if (lines.length > 0 && arrives(name)) expect([name, arrived.length]).toEqual([name, 1])
        if (!arrives(name)) expect([name, arrived]).toEqual([name, []])
        expect([name, answer, arrived.length === 0]).toEqual([name, answer, isRefusal(answer)])
      }
    }
  }
}

const shown = (target: string) => JSON.stringify(target.slice(0, 80))

describe('a target that could mean two things never reaches WeChat:', () => {
  test.for(refusedTargets.map((target) => [shown(target), target] as const))('%s', async ([, target], { scene }) => {
    await attack(scene, target, () => false)
  })
})

describe('no wildcard, and not admin, opens the guarded path', () => {
  test.for(guardedTargets)('%s', async (target, { scene }) => {
    await attack(scene, target, () => false)
  })
})

describe('a target with one meaning reaches WeChat as it was judged:', () => {
  test.for(takenTargets.map((taken) => [shown(taken[0]), ...taken] as const))(
    '%s',
    async ([, target, rest], { scene }) => {
      await attack(scene, target, () => true)
      await scene.call(wire(target, scene), [bearer(callers.narrow)])
      const [path] = wire(target, scene).split('?')
      expect(scene.arrived()).toMatchObject([
        { method: 'GET', target: `${path}?access_token=${real}${wire(rest, scene)}`, body: '' },
      ])
    },
  )
})

describe('no second access_token reaches WeChat, be it spelled', () => {
  test.for(tokenNames)('%s', async (name, { scene }) => {
    for (const query of [`${name}=stolen`, `a=b&${name}=stolen`, `${name}=stolen&a=b`, name, `${name}=a&${name}=b`]) {
      const answer = await scene.call(`/cgi-bin/message/x?${query}`, [bearer(callers.narrow)])
      const arrived = scene.arrived()
      const judged = { path: '/cgi-bin/message/x', token: real, host: scene.upstream.host, scope: '/cgi-bin/message/' }
      expect([query, arrived.map((each) => faultOf(each, judged) ?? 'right')]).toEqual([
        query,
        arrived.map(() => 'right'),
      ])
      expect([query, answer, arrived.length === 0]).toEqual([query, answer, isRefusal(answer)])
    }
  })

  test('among two that differ: then nobody is let in by either', async ({ scene }) => {
    const token = await scene.tokenFor(callers.narrow)
    for (const other of ['stolen', real, realTokens[blog.appID], '']) {
      for (const query of [
        `access_token=${token}&access_token=${other}`,
        `ACCESS_TOKEN=${other}&access_token=${token}`,
      ]) {
        expect(isRefusal(await scene.call(`/cgi-bin/message/x?${query}`))).toBe(true)
      }
    }
    expect(scene.arrived()).toEqual([])
  })
})

describe('a method', () => {
  test.for(['CONNECT', 'OPTIONS', 'TRACE', 'PROPFIND', 'PURGE', 'MKCOL', 'SEARCH', 'LINK', 'get', 'BREW', 'PRI'])(
    '%s is never sent on',
    async (method, { scene }) => {
      for (const target of [
        '/cgi-bin/message/x',
        wire('EVIL', scene),
        wire('http://EVIL/cgi-bin/message/x', scene),
        '*',
      ]) {
        expect(isRefusal(await scene.call(target, [bearer(callers.wide)], method))).toBe(true)
        expect(scene.arrived()).toEqual([])
      }
    },
  )
})
