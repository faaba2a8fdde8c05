import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readJson, shop } from '../support/running-hub.js'
import { newSeed, seeded } from '../support/seeded.js'
import { encrypted, encryptedText, MiniProgramScene, type Refused, signed } from './mini-program-scene.js'

const seed = newSeed()
const check = '/wxa/checksession'
const tampered = { errcode: -4001, errmsg: 'the data was tampered with, or was not made for this session' }

let scene: MiniProgramScene

beforeEach(async () => {
  scene = await MiniProgramScene.start()
})

afterEach(() => scene.close())

const watermark = () => ({ appid: shop.appID, timestamp: Math.floor(scene.clock.now() / 1000) })
const decrypt = (session: string, body: unknown) => scene.asVisitor(session, 'POST', '/decrypt', body)
const verify = (session: string, body: unknown) => scene.asVisitor(session, 'POST', '/verify', body)
const checks = () => scene.running.sandbox.requests.count(check)

/** The refusal without what differs by request. */
async function refusalOf(answer: Response): Promise<unknown> {
  const { errcode, errmsg } = await readJson<Refused>(answer)
  return { status: answer.status, errcode, errmsg }
}

describe('user data', () => {
  it('is deciphered for the mini program and for its back end', async () => {
    const { session, session_key, openid } = await scene.logIn()
    const body = encrypted(session_key, { openId: openid, nickName: 'Band' }, watermark())
    const data = { openId: openid, nickName: 'Band', watermark: watermark() }
    const answers = [
      await decrypt(session, body),
      await scene.asBackEnd(session, { method: 'POST', path: '/decrypt', body }),
    ]
    for (const answer of answers) {
      expect([answer.status, await readJson(answer)]).toEqual([200, { data, timestamp: watermark().timestamp }])
    }
  })

  it('is verified', async () => {
    const { session, session_key } = await scene.logIn()
    const answer = await verify(session, signed(session_key, '{"nickName":"Band"}'))
    expect([answer.status, await readJson(answer)]).toEqual([200, { valid: true }])
  })

  it('is still readable after a renewal, with the old session and with the new one', async () => {
    const { session, session_key } = await scene.logIn()
    const next = await scene.renew(session)
    const body = encrypted(session_key, { a: 1 }, watermark())
    for (const each of [session, next.session]) expect((await decrypt(each, body)).status).toBe(200)
  })

  it('that was changed is refused in one way, whatever was changed', async () => {
    const { session, session_key, openid } = await scene.logIn()
    const good = encrypted(session_key, { openId: openid }, watermark())
    const bytes = Buffer.from(good.encryptedData, 'base64')
    const bad = [
      { ...good, encryptedData: bytes.subarray(0, -1).toString('base64') },
      { ...good, encryptedData: bytes.subarray(0, -16).toString('base64') },
      { ...good, encryptedData: `${good.encryptedData}!` },
      { ...good, iv: 'AAAA' },
      { ...good, iv: Buffer.alloc(16).toString('base64') },
      encryptedText(session_key, 'no JSON'),
      encryptedText(session_key, '[]'),
      encryptedText(session_key, '{"a":1}'),
      encrypted(session_key, { openId: 'oAnother' }, watermark()),
      encrypted(Buffer.alloc(16).toString('base64'), {}, watermark()),
    ]
    for (const body of bad) expect(await refusalOf(await decrypt(session, body))).toEqual({ status: 400, ...tampered })
    const signature = { rawData: 'a', signature: '0'.repeat(40) }
    expect(await refusalOf(await verify(session, signature))).toEqual({ status: 400, ...tampered })
  })

  it(`with any one bit changed gives no other user's data (seed ${seed})`, async () => {
    const random = seeded(seed)
    const { session, session_key, openid } = await scene.logIn()
    const good = encrypted(session_key, { openId: openid, nickName: 'Band' }, watermark())
    for (let i = 0; i < 60; i += 1) {
      const bytes = Buffer.from(good.encryptedData, 'base64')
      const at = Math.floor(random() * bytes.length)
      bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8))
      // So many in a minute would be too many.
      if (i % 15 === 0) await scene.clock.advance(60_000)
      const answer = await decrypt(session, { ...good, encryptedData: bytes.toString('base64') })
      if (answer.status !== 200) expect(await refusalOf(answer)).toEqual({ status: 400, ...tampered })
      else expect(JSON.stringify(await readJson(answer))).not.toContain('"nickName":"Band"')
    }
  })

  it('of another union than the session’s is no data of this user', async () => {
    const { session, session_key } = await scene.logIn({ unionid: 'oUnion' })
    const own = await decrypt(session, encrypted(session_key, { unionId: 'oUnion' }, watermark()))
    const another = await decrypt(session, encrypted(session_key, { unionId: 'oAnother' }, watermark()))
    expect([own.status, await refusalOf(another)]).toEqual([200, { status: 400, ...tampered }])
    const { session: without, session_key: key } = await scene.logIn()
    expect((await decrypt(without, encrypted(key, { unionId: 'oUnion' }, watermark()))).status).toBe(200)
  })

  it('of another mini program is told apart', async () => {
    const { session, session_key } = await scene.logIn()
    const body = encrypted(session_key, {}, { ...watermark(), appid: 'wx00000000000000ff' })
    expect(await refusalOf(await decrypt(session, body))).toMatchObject({ status: 400, errcode: -4002 })
    expect(checks()).toBe(0)
  })

  it('that is too old is told apart, if age matters', async () => {
    await scene.close()
    const sessions = { ttl: 1800, maxLife: 1800, grace: 60, userDataMaxAge: 60 }
    scene = await MiniProgramScene.start({ config: { sessions } })
    const { session, session_key } = await scene.logIn()
    const body = encrypted(session_key, {}, watermark())
    await scene.clock.advance(60_000)
    expect((await decrypt(session, body)).status).toBe(200)
    await scene.clock.advance(1_000)
    expect(await refusalOf(await decrypt(session, body))).toMatchObject({ status: 400, errcode: -4003 })
  })

  it('needs a session, and its fields', async () => {
    const { session, session_key } = await scene.logIn()
    const body = encrypted(session_key, {}, watermark())
    expect((await decrypt(`whs_${'A'.repeat(43)}`, body)).status).toBe(401)
    expect((await decrypt(session, { ...body, iv: 7 })).status).toBe(400)
    expect((await verify(session, { rawData: 'a' })).status).toBe(400)
  })
})

describe('wrong user data', () => {
  /** What a forger sends: one of a million of these gives a JSON object with a field of his own. */
  const forged = (good: { encryptedData: string; iv: string }, turn: number) => {
    const bytes = Buffer.from(good.encryptedData, 'base64')
    bytes.writeUInt32LE(turn, 16)
    return { ...good, encryptedData: bytes.toString('base64') }
  }
  const good = (key: string, openid: string) =>
    encrypted(key, { openId: openid, nickName: 'Band', avatarUrl: `http://wx.qlogo.cn/${'a'.repeat(60)}` }, watermark())

  it('is looked at twenty times a minute for a user, whatever session it comes with; then not even right data is', async () => {
    const { session, session_key, openid } = await scene.logIn()
    const data = good(session_key, openid)
    for (let i = 0; i < 10; i += 1) expect((await decrypt(session, forged(data, i))).status).toBe(400)
    const { session: renewed } = await scene.renew(session)
    for (let i = 10; i < 19; i += 1) expect((await decrypt(renewed, forged(data, i))).status).toBe(400)
    expect((await verify(renewed, { rawData: 'a', signature: '0' })).status).toBe(400)
    const again = await scene.logIn({ openid })
    for (const each of [session, renewed]) {
      const answer = await decrypt(each, data)
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '60'])
      expect(await readJson(answer)).toMatchObject({ errcode: -429, hint: expect.stringContaining('as wx gave it') })
    }
    expect((await decrypt(again.session, good(again.session_key, openid))).status).toBe(429)
    expect((await verify(again.session, signed(again.session_key, 'a'))).status).toBe(429)
    const other = await scene.logIn()
    expect((await decrypt(other.session, good(other.session_key, other.openid))).status).toBe(200)
    await scene.clock.advance(60_000)
    expect((await decrypt(again.session, good(again.session_key, openid))).status).toBe(200)
    const page = await (await scene.running.request('/metrics')).text()
    expect(page).toContain('wechat_hub_user_data_total{account="shop",outcome="too-many"} 4\n')
  })

  it('is looked at as often when it all comes at once', async () => {
    const { session, session_key, openid } = await scene.logIn()
    const data = good(session_key, openid)
    const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => decrypt(session, forged(data, i))))
    expect(answers.filter(({ status }) => status === 400)).toHaveLength(20)
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(30)
  })

  it('holds up none that is right, as long as it is little', async () => {
    const { session, session_key, openid } = await scene.logIn()
    const data = good(session_key, openid)
    for (let i = 0; i < 19; i += 1) await decrypt(session, forged(data, i))
    for (let i = 0; i < 30; i += 1) expect((await decrypt(session, data)).status).toBe(200)
  })
})

describe('a user', () => {
  it('has sixty renewals and questions about data a minute, of all sessions together', async () => {
    const { session, session_key, openid } = await scene.logIn()
    const { session: second } = await scene.logIn({ openid })
    const data = encrypted(session_key, {}, watermark())
    for (let i = 0; i < 20; i += 1) {
      expect((await decrypt(session, data)).status).toBe(200)
      expect((await verify(session, signed(session_key, 'a'))).status).toBe(200)
      expect((await scene.asVisitor(second, 'POST', '/renew')).status).toBe(200)
    }
    for (const [path, body] of [
      ['/decrypt', data],
      ['/verify', signed(session_key, 'a')],
      ['/renew', undefined],
    ] as const) {
      const answer = await scene.asVisitor(session, 'POST', path, body)
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '60'])
      expect(await readJson(answer)).toMatchObject({ hint: expect.stringContaining('Renew a session before it ends') })
    }
    expect([await scene.statusOf(session), (await scene.asVisitor(session, 'DELETE')).status]).toEqual([200, 200])
    const other = await scene.logIn()
    expect((await scene.asVisitor(other.session, 'POST', '/renew')).status).toBe(200)
    await scene.clock.advance(60_000)
    const third = await scene.logIn({ openid })
    expect((await scene.asVisitor(third.session, 'POST', '/renew')).status).toBe(200)
  })
})

describe('a session_key that a later wx.login has replaced', () => {
  it('is told from data that was tampered with', async () => {
    const { session, openid } = await scene.logIn()
    const { session_key } = scene.code({ openid })
    const replaced = { status: 409, errcode: 87009, errmsg: 'the session_key has been replaced: call wx.login again' }
    const body = encrypted(session_key, { openId: openid }, watermark())
    expect(await refusalOf(await decrypt(session, body))).toEqual(replaced)
    expect(await refusalOf(await verify(session, signed(session_key, 'a')))).toEqual(replaced)
  })

  it('is asked about once in 60 s for a session, however often it fails and however many at once', async () => {
    const { session, session_key } = await scene.logIn()
    const another = await scene.logIn()
    const bad = { ...encrypted(session_key, {}, watermark()), iv: 'AAAA' }
    await Promise.all(Array.from({ length: 20 }, () => decrypt(session, bad)))
    expect(checks()).toBe(1)
    await scene.clock.advance(59_999)
    await decrypt(session, bad)
    await decrypt((await scene.renew(session)).session, bad)
    expect(checks()).toBe(1)
    await decrypt(another.session, bad)
    expect(checks()).toBe(2)
    await scene.clock.advance(1)
    await decrypt(session, bad)
    expect(checks()).toBe(3)
  })

  it('passes for living while WeChat can’t be asked', async () => {
    const { session, session_key } = await scene.logIn()
    scene.running.sandbox.faults.add({ kind: 'reset', path: check })
    const bad = { ...encrypted(session_key, {}, watermark()), iv: 'AAAA' }
    expect(await refusalOf(await decrypt(session, bad))).toEqual({ status: 400, ...tampered })
  })
})

describe('a phone number', () => {
  const phone = (code: unknown, account = 'shop', more: object = {}) =>
    scene.running.post(`/v1/${account}/phone`, { code, ...more })
  const number = '/wxa/business/getuserphonenumber'

  it('is given to a back end for the code of the button, once', async () => {
    const { code } = scene.code()
    const first = await phone(code)
    expect([first.status, await readJson(first)]).toMatchObject([200, { phone_info: { countryCode: '86' } }])
    const again = await phone(code)
    expect([again.status, await readJson(again)]).toMatchObject([400, { errcode: 40029 }])
  })

  it('is given only if the code is that of the user, when an openid is sent', async () => {
    const [own, another] = [scene.code(), scene.code()]
    expect((await phone(own.code, 'shop', { openid: own.openid })).status).toBe(200)
    const refused = await phone(another.code, 'shop', { openid: own.openid })
    expect([refused.status, await readJson(refused)]).toMatchObject([400, { errcode: 40003 }])
    for (const openid of ['', 7, null, 'x'.repeat(129)]) {
      const answer = await phone('x', 'shop', { openid })
      expect([answer.status, await readJson(answer)]).toMatchObject([
        400,
        { errmsg: expect.stringContaining('openid') },
      ])
    }
  })

  it.each([
    [-1, 503, '5'],
    [45011, 503, '60'],
    [40013, 502, null],
  ])(
    'that WeChat does not give with %i says so to the back end, and how long to wait',
    async (errcode, status, wait) => {
      scene.running.sandbox.faults.add({ kind: 'errcode', errcode, path: number, times: 1 })
      const answer = await phone(scene.code().code)
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([status, wait])
      expect(await readJson(answer)).toMatchObject({ errcode })
    },
  )

  it('is given to no mini program, and for mini programs only', async () => {
    const { session } = await scene.logIn()
    const request = { method: 'POST', key: session }
    expect((await scene.running.request('/v1/shop/phone', request)).status).toBe(401)
    expect((await phone('x', 'blog')).status).toBe(404)
  })
})

it('says that users must log in again when the file of keys is broken', async () => {
  const { session, session_key } = await scene.logIn()
  const { running } = scene
  await writeFile(join(running.dataDir, 'session-keys.json'), '{"keys":')
  await running.hub.close()
  const again = await MiniProgramScene.start({ dataDir: running.dataDir, clock: scene.clock })
  try {
    expect(await again.statusOf(session)).toBe(200)
    const body = encrypted(session_key, {}, watermark())
    const answer = await again.asVisitor(session, 'POST', '/decrypt', body)
    expect(await refusalOf(answer)).toMatchObject({ status: 409, errcode: 87009 })
    expect(again.running.logLines.join('')).toContain('session-keys-set-aside')
    const next = await again.renew(session)
    expect(await again.statusOf(next.session)).toBe(200)
    const { session: fresh, session_key: key } = await again.logIn()
    const own = encrypted(key, {}, watermark())
    expect((await again.asVisitor(fresh, 'POST', '/decrypt', own)).status).toBe(200)
  } finally {
    await again.close()
  }
})
