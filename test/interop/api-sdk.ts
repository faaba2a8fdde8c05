import type { Scope } from '../../src/http/route.js'
import type { RunningHub } from '../support/running-hub.js'

/** A program written with an SDK, as it calls WeChat's API. Every method throws if WeChat, or the hub, says no. */
export interface ApiSdk {
  /** The first of WeChat's addresses. */
  ip(): Promise<string>
  /** The openid that WeChat answers. */
  user(openid: string): Promise<string>
  send(openid: string, text: string): Promise<void>
  /** The media_id. */
  upload(bytes: Buffer): Promise<string>
  download(mediaID: string): Promise<Buffer>
  /** The jsapi_ticket. */
  ticket(): Promise<string>
  /** The access_token that it calls with. */
  token(): Promise<string>
}

/** Where a program with an SDK finds the hub. */
export interface HubPlace {
  readonly url: string
  readonly appID: string
  readonly key: string
  /** An empty folder of its own. */
  readonly folder: string
}

export type CreateSdk = (place: HubPlace) => ApiSdk

/** What the docs tell to allow a client whose SDK shall get hub tokens. */
export const hubTokenScopes: readonly Scope[] = ['gateway:/cgi-bin/*', 'ticket']

const calls = [
  (sdk: ApiSdk, nth: number) => sdk.user(`openid-${nth}`),
  (sdk: ApiSdk) => sdk.ip(),
  (sdk: ApiSdk, nth: number) => sdk.send(`openid-${nth}`, '你好 <&>'),
]

/** The nth of so many different calls. */
export function call(sdk: ApiSdk, nth: number): Promise<unknown> {
  return calls[nth % calls.length]?.(sdk, nth) ?? Promise.reject(new Error('there is no such call'))
}

/** Several workers who call one after the other; `between` is told how many calls have ended. Answers what failed. */
export async function traffic(sdk: ApiSdk, times: number, between: (ended: number) => void): Promise<unknown[]> {
  const failures: unknown[] = []
  let begun = 0
  let ended = 0
  const worker = async () => {
    while (begun < times) {
      begun += 1
      await call(sdk, begun).catch((error: unknown) => failures.push(error))
      ended += 1
      between(ended)
    }
  }
  await Promise.all(Array.from({ length: 8 }, worker))
  return failures
}

/** What a hub that has ended was asked: `GET /cgi-bin/token` and how often. */
export function requestsSeen({ logLines }: Pick<RunningHub, 'logLines'>): Record<string, number> {
  const seen: Record<string, number> = {}
  for (const { method, path } of logLines.map((line) => JSON.parse(line))) {
    if (method === undefined || path === undefined) continue
    const name = `${method} ${path}`
    seen[name] = (seen[name] ?? 0) + 1
  }
  return seen
}

/** How many requests those are, without those for a token. */
export function callsAmong(seen: Readonly<Record<string, number>>): number {
  const counted = Object.entries(seen).filter(([name]) => !/token$/.test(name))
  return counted.reduce((sum, [, count]) => sum + count, 0)
}
