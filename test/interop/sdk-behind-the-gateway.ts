import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hashKey, makeKey } from '../../src/access/key.js'
import type { Scope } from '../../src/http/route.js'
import { RunningHub, shop } from '../support/running-hub.js'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js'
import { type ApiSdk, type CreateSdk, call, callsAmong, hubTokenScopes, requestsSeen, traffic } from './api-sdk.js'

export const endpoints = ['token', 'stable_token'] as const
export type EndpointName = (typeof endpoints)[number]

/** A hub with one client, and a program with an SDK that has its key. */
export interface Stage<T extends ApiSdk> {
  readonly running: RunningHub
  readonly sdk: T
  /** Somebody with the AppSecret ends the present access_token. */
  steal(): void
  /** How often WeChat was asked for an access_token. */
  fetches(): number
  /** Ends the hub and answers all it was asked. */
  end(): Promise<Record<string, number>>
}

/** Sets the stage for each test of a `describe` and clears it away. */
export function stageFor<T extends ApiSdk>(
  create: (place: Parameters<CreateSdk>[0]) => T,
  options: { readonly endpoint: EndpointName; readonly scopes: readonly Scope[] },
): () => Stage<T> {
  let folder = ''
  let closed = false
  let stage: Stage<T> | undefined
  const now = () => {
    if (stage === undefined) throw new Error('the stage is empty')
    return stage
  }

  beforeEach(async () => {
    const { endpoint, scopes } = options
    const key = makeKey()
    const clients = { crm: { keyHash: [hashKey(key)], accounts: ['shop'], scopes } }
    const running = await RunningHub.start({ config: { clients }, shop: { endpoint } })
    folder = temporaryFolder()
    closed = false
    stage = {
      running,
      sdk: create({ url: running.url, appID: shop.appID, key, folder }),
      steal: () => void running.sandbox.tokens.issue(shop.appID, endpoint, { atOnce: true }),
      fetches: () => endpoints.reduce((sum, name) => sum + running.sandbox.requests.count(`/cgi-bin/${name}`), 0),
      async end() {
        closed = true
        await running.close()
        return requestsSeen(running)
      },
    }
  })

  afterEach(async () => {
    if (!closed) await now().running.close()
    removeFolder(folder)
  })

  return now
}

/** That a program with an SDK lives on hub tokens, and never hears of the real one. `fetch`: how it asks for a token. */
export function livesOnHubTokens(create: CreateSdk, fetch: string): void {
  describe.each(endpoints)('with hub tokens, the account on %s', (endpoint) => {
    const stage = stageFor(create, { endpoint, scopes: hubTokenScopes })

    it('fetches a token of the hub and calls with it, by GET and by POST', async () => {
      const { sdk, running, fetches, end } = stage()
      expect(await sdk.ip()).toBe('127.0.0.1')
      expect(await sdk.user('o-1')).toBe('o-1')
      await sdk.send('o-2', '你好 <&>')
      expect(await sdk.token()).toMatch(/^wht_/)
      expect(running.sandbox.messages.list().map(({ message }) => message)).toEqual([
        { touser: 'o-2', msgtype: 'text', text: { content: '你好 <&>' } },
      ])
      expect(fetches()).toBe(1)
      expect(await end()).toEqual({
        [fetch]: 1,
        'GET /cgi-bin/getcallbackip': 1,
        'GET /cgi-bin/user/info': 1,
        'POST /cgi-bin/message/custom/send': 1,
      })
    })

    it('uploads a file and gets the same bytes back', async () => {
      const { sdk } = stage()
      const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, at) => (at * 7) % 256))
      expect((await sdk.download(await sdk.upload(bytes))).equals(bytes)).toBe(true)
    })

    it('gets the ticket that the hub keeps', async () => {
      const { sdk, running } = stage()
      const ticket = await sdk.ticket()
      const { wechat } = running.hub.accounts.find('shop') ?? {}
      expect(ticket).toBe(await wechat?.fetchTicket('jsapi'))
      expect(running.sandbox.requests.count('/cgi-bin/ticket/getticket')).toBe(1)
    })

    it('calls 50 times at once on a cold hub, which fetches one access_token and doubts it not', async () => {
      const { sdk, running, fetches } = stage()
      const outcomes = await Promise.allSettled(Array.from({ length: 50 }, (_, nth) => sdk.user(`o-${nth}`)))
      expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([])
      expect(fetches()).toBe(1)
      expect(running.sandbox.requests.count('/cgi-bin/getcallbackip')).toBe(0)
    })

    it('notices nothing when the access_token is stolen in mid-traffic', async () => {
      const { sdk, steal, fetches, end } = stage()
      await sdk.ip()
      const failures = await traffic(sdk, 60, (ended) => {
        if (ended === 20) steal()
      })
      expect(failures).toEqual([])
      expect(fetches()).toBe(2)
      const seen = await end()
      expect(callsAmong(seen)).toBe(61)
      expect(seen[fetch]).toBe(1)
    })

    it('notices nothing when the access_token was stolen before an upload and a ticket', async () => {
      const { sdk, steal } = stage()
      await sdk.ip()
      steal()
      const bytes = Buffer.alloc(100_000, 'a')
      expect((await sdk.download(await sdk.upload(bytes))).equals(bytes)).toBe(true)
      expect(await sdk.ticket()).not.toBe('')
    })
  })
}

/** What holds for any SDK that gets the real access_token and calls through the gateway. */
export function sharesTheRealToken(create: CreateSdk): void {
  describe.each(endpoints)('with the real access_token, the account on %s', (endpoint) => {
    const stage = stageFor(create, { endpoint, scopes: ['token', 'ticket', 'gateway:/cgi-bin/*'] })

    it('calls 50 times at once on a cold hub, which fetches one access_token and doubts it not', async () => {
      const { sdk, running, fetches } = stage()
      // So long that all have come before any is answered.
      running.sandbox.faults.add({ kind: 'slow', ms: 500, path: `/cgi-bin/${endpoint}`, times: 1 })
      const outcomes = await Promise.allSettled(Array.from({ length: 50 }, (_, nth) => sdk.user(`o-${nth}`)))
      expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([])
      expect(fetches()).toBe(1)
      expect(running.sandbox.requests.count('/cgi-bin/getcallbackip')).toBe(0)
      expect(running.sandbox.tokens.find(await sdk.token())).toBeDefined()
    })

    it('does not notice the theft with the call that meets it', async () => {
      const { sdk, steal, fetches, end } = stage()
      await call(sdk, 1)
      steal()
      await call(sdk, 2)
      expect(fetches()).toBe(2)
      expect(callsAmong(await end())).toBe(2)
    })
  })
}
