import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hashKey, makeKey } from '../../src/access/key.js'
import type { SignedCard } from '../../src/wechat/card.js'
import { cardSignature } from '../../src/wechat/signature.js'
import { RunningHub, readJson, shop } from '../support/running-hub.js'

const path = '/v1/shop/card-signature'
const cards = makeKey()
const tickets = makeKey()
const clients = {
  cards: { keyHash: [hashKey(cards)], accounts: ['shop'], scopes: ['jssdk' as const] },
  tickets: { keyHash: [hashKey(tickets)], accounts: ['shop'], scopes: ['ticket' as const, 'token' as const] },
}

let running: RunningHub

beforeAll(async () => {
  running = await RunningHub.start({ config: { clients } })
})

afterAll(() => running.close())

function post(body: unknown, key: string | undefined = cards, at = path): Promise<Response> {
  const headers = { 'content-type': 'application/json' }
  return running.request(at, { method: 'POST', headers, body: JSON.stringify(body), key })
}

async function signed(body: unknown): Promise<SignedCard & { ticket: string }> {
  const response = await post(body)
  expect(response.status).toBe(200)
  const [ticket = ''] = running.sandbox.tickets.living(shop.appID, 'wx_card')
  return { ...(await readJson<SignedCard>(response)), ticket }
}

describe('the signature of a card', () => {
  it('is that of the card to add, with its timestamp and nonce', async () => {
    const card = { card_id: 'pjZ8Yt1XGILfi-FUsewpnnolGgZk', code: '1434008071', openid: 'oAbc' }
    const { ticket, timestamp, nonce_str, signature } = await signed(card)
    expect(timestamp).toMatch(/^\d{10}$/)
    expect(nonce_str).toMatch(/^\w{16,32}$/)
    expect(signature).toBe(cardSignature([ticket, timestamp, nonce_str, ...Object.values(card)]))
  })

  it('leaves out empty fields, as WeChat does', async () => {
    const { ticket, timestamp, nonce_str, signature } = await signed({
      use: 'addCard',
      card_id: 'p1',
      code: '',
      openid: '',
    })
    expect(signature).toBe(cardSignature([ticket, timestamp, nonce_str, 'p1']))
  })

  it('is that of a choice, with the appID', async () => {
    const fields = { location_id: '415', card_id: 'p1', card_type: 'GROUPON' }
    const { ticket, timestamp, nonce_str, signature } = await signed({ use: 'chooseCard', ...fields })
    expect(signature).toBe(cardSignature([ticket, shop.appID, timestamp, nonce_str, ...Object.values(fields)]))
    const any = await signed({ use: 'chooseCard', location_id: '' })
    expect(any.signature).toBe(cardSignature([ticket, shop.appID, any.timestamp, any.nonce_str]))
  })

  it.each([
    [{}, 'card_id is missing'],
    [{ card_id: '' }, 'card_id is missing'],
    [{ card_id: 7 }, 'card_id must be a text of 1 to 128 visible ASCII characters'],
    [{ card_id: ['p1'] }, 'card_id must be a text of 1 to 128 visible ASCII characters'],
    [{ card_id: null }, 'card_id must be a text of 1 to 128 visible ASCII characters'],
    [{ card_id: 'p'.repeat(129) }, 'card_id must be a text of 1 to 128 visible ASCII characters'],
    [{ card_id: 'p1', code: 'a b' }, 'code must be a text of 1 to 128 visible ASCII characters'],
    [{ card_id: 'p1', openid: '名' }, 'openid must be a text of 1 to 128 visible ASCII characters'],
    [{ card_id: 'p1', outer_str: 'x' }, 'outer_str is not signed for addCard'],
    [{ card_id: 'p1', timestamp: '1' }, 'timestamp is not signed for addCard'],
    [{ card_id: 'p1', api_ticket: 'mine' }, 'api_ticket is not signed for addCard'],
    [{ card_id: 'p1', '<script>': 'x' }, 'a field is not signed for addCard'],
    [{ card_id: 'p1', location_id: '4' }, 'location_id is not signed for addCard'],
    [{ use: 'chooseCard', code: '1' }, 'code is not signed for chooseCard'],
    [{ use: 'chooseCard', constructor: '1' }, 'constructor is not signed for chooseCard'],
    [{ use: 'other', card_id: 'p1' }, 'use must be one of addCard, chooseCard'],
    [{ use: ['addCard'], card_id: 'p1' }, 'use must be one of addCard, chooseCard'],
  ])('is refused for %j', async (body, errmsg) => {
    const response = await post(body)
    expect([response.status, await response.json()]).toMatchObject([400, { errcode: -400, errmsg }])
  })

  it('is refused for what is no JSON object', async () => {
    expect((await post(['p1'])).status).toBe(400)
    expect((await running.request(path, { method: 'POST', body: 'card_id=p1', key: cards })).status).toBe(415)
  })

  it('takes a key with the scope jssdk, for the account', async () => {
    expect((await post({ card_id: 'p1' }, tickets)).status).toBe(403)
    expect((await post({ card_id: 'p1' }, cards, '/v1/blog/card-signature')).status).toBe(403)
    const headers = { 'content-type': 'application/json' }
    const body = JSON.stringify({ card_id: 'p1' })
    expect((await running.request(path, { method: 'POST', headers, body, key: undefined })).status).toBe(401)
    expect((await running.request(path)).status).toBe(405)
  })

  it('tells a back end what is wrong at WeChat', async () => {
    const dry = await RunningHub.start({ config: { clients } })
    try {
      dry.sandbox.faults.add({ kind: 'errcode', errcode: 48001, path: '/cgi-bin/ticket', times: 100 })
      const response = await dry.post(path, { card_id: 'p1' })
      expect([response.status, await response.json()]).toMatchObject([502, { errcode: 48001 }])
    } finally {
      await dry.close()
    }
  })
})
