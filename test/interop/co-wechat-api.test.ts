import { describe, expect, it } from 'vitest'
import { traffic } from './api-sdk.js'
import { createCoWechatApi } from './co-wechat-api-sdk.js'
import { endpoints, livesOnHubTokens, sharesTheRealToken, stageFor } from './sdk-behind-the-gateway.js'

describe('co-wechat-api', () => {
  livesOnHubTokens(createCoWechatApi, 'GET /cgi-bin/token')
  sharesTheRealToken(createCoWechatApi)

  describe.each(endpoints)('with the real access_token, the account on %s', (endpoint) => {
    const stage = stageFor(createCoWechatApi, { endpoint, scopes: ['token', 'ticket', 'gateway:/cgi-bin/*'] })

    it('loses no call to a theft in mid-traffic, and repeats none of them more than once', async () => {
      const { sdk, steal, fetches } = stage()
      await sdk.ip()
      const failures = await traffic(sdk, 60, (ended) => {
        if (ended === 20) steal()
      })
      expect(failures).toEqual([])
      expect(sdk.mostRepeated).toBe(1)
      expect(fetches()).toBe(2)
    })
  })

  describe('whose hub token has died', () => {
    const stage = stageFor(createCoWechatApi, { endpoint: 'token', scopes: ['gateway:/cgi-bin/*'] })

    it('fetches a new one by itself', async () => {
      const { sdk } = stage()
      const { accessToken } = await sdk.api.getAccessToken()
      Object.assign(sdk.api, {
        store: { accessToken: `${accessToken.slice(0, -1)}!`, expireTime: Date.now() + 60_000 },
      })
      expect(await sdk.user('o-1')).toBe('o-1')
      expect(sdk.mostRepeated).toBe(1)
    })
  })

  describe('whose hub has an AppSecret that WeChat refuses with 40001', () => {
    const stage = stageFor(createCoWechatApi, { endpoint: 'token', scopes: ['token', 'ticket', 'gateway:/cgi-bin/*'] })

    // At 40001 it fetches a token, whatever it has asked for: without end if the answer to that is 40001 too.
    it('is told so, and gives up', async () => {
      const { sdk, running, end } = stage()
      running.sandbox.faults.add({ kind: 'errcode', errcode: 40001, path: '/cgi-bin/token' })
      await expect(sdk.ip()).rejects.toMatchObject({ code: 40125 })
      expect(await end()).toEqual({ 'GET /cgi-bin/token': 1 })
    })
  })
})
