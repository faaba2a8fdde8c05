import { afterEach, describe, expect } from 'vitest'
import { shop } from '../support/running-hub.js'
import { type Answered, type Recorded, realTokens } from './recording-upstream.js'
import { answersIn, bearer, type GatewayScene, gatewayTest, testClient } from './recording-upstream-scene.js'

const client = testClient(['shop'], 'gateway:/cgi-bin/*')
const taker = testClient(['shop'], 'token', 'gateway:/cgi-bin/*')
const test = gatewayTest({ client, taker })
const path = '/cgi-bin/message/x'
const real = realTokens[shop.appID] ?? ''

afterEach<{ scene: GatewayScene }>(({ scene }) => {
  scene.arrived()
})

describe('the real access_token that WeChat repeats', () => {
  const tokenIn = (request: Recorded) => new URL(request.target, 'http://x').searchParams.get('access_token') ?? ''
  type Echo = (token: string) => Answered
  const long = (token: string) => `${'x'.repeat(20_000)}${token}${'x'.repeat(70_000)}${token}`
  const echoes: Readonly<Record<string, Echo>> = {
    'in an error': (token) => ({ body: `{"errcode":45011,"errmsg":"hint: access_token=${token}"}` }),
    'in an error, often': (token) => ({ body: `{"errcode":45011,"errmsg":"${token}${token} ${token}"}` }),
    'in an error for the token': (token) => ({ body: `{"errcode":48001,"errmsg":"${token}"}` }),
    'in an error without a type': (token) => ({ headers: { 'content-type': '' }, body: `{"errmsg":"${token}"}` }),
    'in an error of a type in other letters': (token) => {
      return { headers: { 'content-type': 'Application/JSON; charset=UTF-8' }, body: `{"errmsg":"${token}"}` }
    },
    'in JavaScript': (token) => ({ headers: { 'content-type': 'application/javascript' }, body: `f("${token}")` }),
    'in XML': (token) => ({ headers: { 'content-type': 'application/xml' }, body: `<a>${token}</a>` }),
    'in a long JSON': (token) => ({ body: JSON.stringify({ text: long(token) }) }),
    'at the end of a long text': (token) => ({ headers: { 'content-type': 'text/html' }, body: long(token) }),
    'in bytes': (token) => ({ headers: { 'content-type': 'application/octet-stream' }, body: long(token) }),
    'in a page of an outage': (token) => ({
      status: 500,
      headers: { 'content-type': 'text/html' },
      body: `<p>${token}`,
    }),
    'in a redirect': (token) => ({ status: 302, headers: { location: `/x?access_token=${token}` }, body: '' }),
    'in a redirect and its page': (token) => {
      const url = `http://x/?access_token=${token}`
      return { status: 301, headers: { location: url, 'content-type': 'text/html' }, body: `<a href="${url}">` }
    },
    ...Object.fromEntries(
      ['etag', 'content-disposition', 'content-type', 'content-language', 'wechatmp-signature', 'retry-after'].map(
        (name) => [
          `in ${name}`,
          (token: string) => ({ headers: { [name]: `x; y="${token}"` }, body: '{"errcode":0}' }),
        ],
      ),
    ),
    'in set-cookie': (token) => ({ headers: { 'set-cookie': [`t=${token}`] }, body: '{}' }),
    'in a header of its own': (token) => ({ headers: { 'x-access-token': token }, body: '{}' }),
  }

  test.for(Object.entries(echoes))('%s never reaches one with a key or a hub token', async ([, echo], { scene }) => {
    scene.upstream.answer = (request) => echo(tokenIn(request))
    const hubToken = await scene.tokenFor(client)
    for (const [target, lines] of [
      [path, [bearer(client)]],
      [`${path}?access_token=${hubToken}`, []],
    ] as const) {
      const text = await scene.send(
        `GET ${target} HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`,
      )
      expect(text).toMatch(/^HTTP\/1\.1 \d{3} /)
      const [answer] = answersIn(text)
      const { status = 200, body } = echo(real)
      expect(answer?.status).toBe(status)
      expect(text.includes(real)).toBe(false)
      expect(answer?.body.startsWith(body.slice(0, 3))).toBe(true)
    }
    expect(scene.arrived().map(tokenIn)).toEqual([real, real])
  })

  test('is looked for, and what only begins like it comes whole', async ({ scene }) => {
    for (const body of [`${'x'.repeat(9_000)}${real.slice(0, -1)}`, `${real.slice(0, 9)}${'x'.repeat(9_000)}rea`]) {
      scene.upstream.answer = () => ({ body })
      expect((await scene.call(path, [bearer(client)]))?.body).toBe(body)
    }
  })

  test('is left to one who holds it anyway', async ({ scene }) => {
    const token = await scene.tokenFor(taker)
    expect(token).toBe(real)
    for (const body of [`{"errmsg":"${real}"}`, long(real)]) {
      scene.upstream.answer = () => ({ headers: { etag: real }, body })
      const answer = await scene.call(`${path}?access_token=${token}`)
      expect([answer?.headers.get('etag'), answer?.body]).toEqual([real, body])
    }
  })
})
