import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { cardSignature, jssdkSignature } from '../../src/wechat/signature.js'
import type { Wechat } from '../../src/wechat/wechat.js'
import { account, Scene } from '../support/scene.js'

let scene: Scene
let wechat: Wechat

beforeEach(async () => {
  scene = await Scene.start()
  wechat = scene.wechat()
})

afterEach(() => scene.close())

describe('signUrl', () => {
  it('signs the URL as it is given, with the ticket of now and the time of now', async () => {
    for (const url of ['https://www.example.com/a b?x=%E4%BD%A0', 'http://mp.weixin.qq.com?params=value']) {
      const signed = await wechat.signUrl(url)
      const ticket = await wechat.fetchTicket('jsapi')
      expect(signed).toEqual({
        appId: account.appID,
        timestamp: Math.floor(scene.clock.now() / 1000),
        nonceStr: expect.stringMatching(/^[0-9a-f]{32}$/),
        signature: jssdkSignature(ticket, signed.nonceStr, signed.timestamp, url),
      })
    }
  })

  it('does not sign what follows the first #', async () => {
    const { nonceStr, timestamp, signature } = await wechat.signUrl('https://www.example.com/?a#b#c')
    const ticket = await wechat.fetchTicket('jsapi')
    expect(signature).toBe(jssdkSignature(ticket, nonceStr, timestamp, 'https://www.example.com/?a'))
  })

  it('takes another nonce each time', async () => {
    const signed = await Promise.all(Array.from({ length: 500 }, () => wechat.signUrl('https://www.example.com/')))
    expect(new Set(signed.map(({ nonceStr }) => nonceStr)).size).toBe(500)
    expect(scene.ticketFetches).toBe(1)
  })

  it('fails where no ticket can be had', async () => {
    scene.sandbox.faults.add({ kind: 'errcode', errcode: 48001, path: '/cgi-bin/ticket/getticket', times: 100 })
    await expect(wechat.signUrl('https://www.example.com/')).rejects.toMatchObject({ errcode: 48001 })
  })
})

describe('signCard', () => {
  it('signs the card to add, with the ticket of cards', async () => {
    const card = { card_id: 'pjZ8Yt1XGILfi-FUsewpnnolGgZk', code: '1434008071', openid: 'oAbc' }
    const signed = await wechat.signCard(card)
    const ticket = await wechat.fetchTicket('wx_card')
    const { timestamp, nonce_str } = signed
    expect(signed).toEqual({
      timestamp: String(Math.floor(scene.clock.now() / 1000)),
      nonce_str: expect.stringMatching(/^[0-9a-f]{32}$/),
      signature: cardSignature([ticket, timestamp, nonce_str, ...Object.values(card)]),
    })
  })

  it('leaves out what is not given', async () => {
    const { timestamp, nonce_str, signature } = await wechat.signCard({ card_id: 'p1' })
    const ticket = await wechat.fetchTicket('wx_card')
    expect(signature).toBe(cardSignature([ticket, timestamp, nonce_str, 'p1']))
  })

  it('signs a choice of cards with the appID', async () => {
    const fields = { location_id: '415', card_id: 'p1', card_type: 'GROUPON' }
    const { timestamp, nonce_str, signature } = await wechat.signCard({ use: 'chooseCard', ...fields })
    const ticket = await wechat.fetchTicket('wx_card')
    expect(signature).toBe(cardSignature([ticket, account.appID, timestamp, nonce_str, ...Object.values(fields)]))
    const any = await wechat.signCard({ use: 'chooseCard' })
    expect(any.signature).toBe(cardSignature([ticket, account.appID, any.timestamp, any.nonce_str]))
  })
})
