import { describe, expect, it } from 'vitest'
import { createEasyWechat, createStableEasyWechat } from './node-easywechat-sdk.js'
import { endpoints, livesOnHubTokens, sharesTheRealToken, stageFor } from './sdk-behind-the-gateway.js'

describe('node-easywechat', () => {
  livesOnHubTokens(createEasyWechat, 'GET /cgi-bin/token')
  sharesTheRealToken(createEasyWechat)

  // It repeats no call by itself, and keeps a token for as long as it was told.
  describe.each(endpoints)('with the real access_token, the account on %s', (endpoint) => {
    const stage = stageFor(createEasyWechat, { endpoint, scopes: ['token', 'ticket', 'gateway:/cgi-bin/*'] })

    it('fails from the second call after a theft on, until it fetches anew', async () => {
      const { sdk, steal, fetches, running } = stage()
      await sdk.ip()
      const stolen = await sdk.token()
      steal()
      expect(await sdk.user('o-1')).toBe('o-1')
      for (const openid of ['o-2', 'o-3']) await expect(sdk.user(openid)).rejects.toThrow('"errcode":40001')
      await sdk.forget()
      const next = await sdk.token()
      expect(next).not.toBe(stolen)
      expect(running.sandbox.tokens.judge(running.sandbox.tokens.find(next))).toBe('live')
      expect(await sdk.user('o-4')).toBe('o-4')
      expect(fetches()).toBe(2)
    })
  })
})

describe('node-easywechat by stable_token', () => {
  livesOnHubTokens(createStableEasyWechat, 'POST /cgi-bin/stable_token')
})
