import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { GatewayScene } from '../support/gateway-scene.js'
import { json, refusal } from '../support/stand-in.js'

const path = '/cgi-bin/message/custom/send'

let scene: GatewayScene

beforeEach(async () => {
  scene = await GatewayScene.start()
  await scene.ask('/cgi-bin/a')
})

afterEach(async () => {
  await scene.close()
  expect(scene.errors).toEqual([])
})

/** Refuses dead tokens by this errcode. */
function refuse(errcode: number): void {
  scene.wechat.answer = (request, response) => {
    const token = new URL(request.url ?? '', 'http://a').searchParams.get('access_token') ?? ''
    json(response, scene.wechat.isDead(token) ? refusal(errcode) : { errcode: 0, serial: Number(token.split('-')[1]) })
  }
}

const asked = () => scene.wechat.callsOf(path).map(({ token }) => token)

describe('a call whose token WeChat refuses', () => {
  it.each([40001, 40014, 42001])('is made once more with the next one after %d', async (errcode) => {
    refuse(errcode)
    scene.wechat.tokenDead = true
    expect((await scene.ask(path, { body: Buffer.from('{"a":1}') })).json).toEqual({ errcode: 0, serial: 2 })
    expect(asked()).toEqual(['token-1', 'token-2'])
    const page = await (await scene.running.request('/metrics')).text()
    expect(page).toContain('wechat_hub_gateway_retries_total{account="shop"} 1')
  })

  it('twice is made no third time: the second refusal is the answer', async () => {
    scene.wechat.answer = (_request, response) => json(response, refusal())
    scene.wechat.tokenDead = true
    expect((await scene.ask(path)).json).toEqual(refusal())
    expect(asked()).toEqual(['token-1', 'token-2'])
  })

  it('though it lives is not made again: there is no other token', async () => {
    scene.wechat.answer = (_request, response) => json(response, refusal())
    expect((await scene.ask(path)).json).toEqual(refusal())
    expect([asked(), scene.wechat.fetches]).toEqual([['token-1'], 1])
  })

  it('is not made again when no other token can be had: the caller gets the refusal', async () => {
    refuse(40001)
    scene.wechat.tokenDead = true
    scene.wechat.answerToken = (response) => json(response, { errcode: 40164, errmsg: 'invalid ip' })
    expect((await scene.ask(path)).json).toEqual(refusal())
    expect(asked()).toEqual(['token-1'])
  })

  it('is one of a hundred: there is one new token, and all get their answers', async () => {
    refuse(40001)
    scene.wechat.tokenDead = true
    const answers = Array.from({ length: 100 }, (_, index) =>
      scene.ask(path, index % 2 === 0 ? {} : { body: Buffer.alloc(index * 2_000, 'a') }),
    )
    for (const { json: said } of await Promise.all(answers)) expect(said).toEqual({ errcode: 0, serial: 2 })
    expect(scene.wechat.fetches).toBe(2)
  })
})

const passing: readonly (readonly [name: string, text: string])[] = [
  ...[45009, 40003, 48001, -1, 40013, 42002, 41001].map((code) => {
    return [`errcode ${code}`, `{ "errcode" : ${code},\n"errmsg":"some words 图 rid: 1" }`] as const
  }),
  ['40001 in an object inside', '{"errcode":0,"list":[{"errcode":40001}],"more":{"errcode":40001}}'],
  ['40001 in an object inside, and no other', '{"list":{"errcode":40001,"errmsg":"invalid credential"}}'],
  ['40001 in a list', '[{"errcode":40001}]'],
  ['40001 as a text', '{"errcode":"40001"}'],
  ['40001 in words', '{"errcode":0,"errmsg":"\\"errcode\\":40001"}'],
  ['40001 inside what is no JSON', '{"text":"\u0001 {\\"errcode\\":40001}","errcode":0}'],
  ['40001 in a long answer', `{"errcode":40001,"errmsg":"${'a'.repeat(5_000)}"}`],
]

it.each(passing)('%s passes as WeChat gave it, byte for byte, and is asked for once', async (_name, text) => {
  scene.wechat.answer = (_request, response) => response.setHeader('content-type', 'application/json').end(text)
  scene.wechat.tokenDead = true
  const { status, body } = await scene.ask(path, { body: Buffer.from('{}') })
  expect([status, body.toString()]).toEqual([200, text])
  expect([asked().length, scene.wechat.fetches]).toEqual([1, 1])
})

it('without a token the caller learns why, and when to come again; nothing is sent on', async () => {
  await scene.close()
  scene = await GatewayScene.start()
  scene.wechat.answerToken = (response) => response.destroy()
  for (const body of [undefined, Buffer.from('{}'), Buffer.alloc(500_000)]) {
    const { status, headers, json: said } = await scene.ask(path, body === undefined ? {} : { body })
    expect([status, said.errcode]).toEqual([200, -1])
    expect(said.errmsg).toBeTruthy()
    expect(Number(headers['retry-after'])).toBeGreaterThanOrEqual(1)
  }
  expect(scene.wechat.calls).toEqual([])
  expect(await scene.outcomes()).toEqual({ 'no-token': 3 })
})
