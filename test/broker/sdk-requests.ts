import { stat } from 'node:fs/promises'
import { hashKey, makeKey } from '../../src/access/key.js'
import type { Scope } from '../../src/http/route.js'
import type { MovableClock } from '../support/movable-clock.js'
import { turn } from '../support/movable-clock.js'
import { type RunningHub, shop } from '../support/running-hub.js'

/** A client of the configuration, for the account `shop`, and its key. */
export function clientWith(...scopes: Scope[]) {
  const key = makeKey()
  return { key, settings: { keyHash: [hashKey(key)], accounts: ['shop'], scopes } }
}

type Body = NonNullable<RequestInit['body']>

export type Fields = Readonly<Record<string, unknown>>

/** What the hub answers an SDK that sends nothing but what WeChat asks for. */
export class SdkRequests {
  readonly #running: () => RunningHub

  constructor(running: () => RunningHub) {
    this.#running = running
  }

  get(path: string): Promise<Response> {
    return fetch(`${this.#running().url}${path}`)
  }

  /** A body as it is, without a content type unless there is one in `headers`. */
  post(path: string, body: Body, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    const { url } = this.#running()
    return fetch(`${url}${path}`, { method: 'POST', body: asBytes(body), headers, ...duplex(body) })
  }

  /** `GET /cgi-bin/token` */
  token(secret: string, appid: string = shop.appID): Promise<Response> {
    return this.get(`/cgi-bin/token?grant_type=client_credential&appid=${appid}&secret=${secret}`)
  }

  /** `POST /cgi-bin/stable_token` */
  stableToken(secret: string, more: Fields = {}): Promise<Response> {
    const fields = { grant_type: 'client_credential', appid: shop.appID, secret, ...more }
    return this.post('/cgi-bin/stable_token', JSON.stringify(fields))
  }
}

/** The JSON of an answer that must have come with HTTP 200. */
export async function fieldsOf(response: Response | Promise<Response>): Promise<Fields> {
  const { status, headers, ...rest } = await wholeOf(await response)
  if (status !== 200) throw new Error(`HTTP ${status}`)
  if (headers.get('content-type') !== 'application/json; charset=utf-8') throw new Error('not JSON')
  return JSON.parse(rest.text)
}

/** Moves time in steps for as long as the promise is not settled; real I/O comes in before time goes on. */
export async function whileTimePasses<T>(clock: MovableClock, running: RunningHub, promise: Promise<T>): Promise<T> {
  let over = false
  const watched = promise.finally(() => {
    over = true
  })
  while (!over) {
    await caughtUp(running)
    if (!over) await clock.advance(250, () => quiet(running))
  }
  return watched
}

/** Resolves when what has been sent to the hub is there, and what it reads of its store is read. */
async function caughtUp(running: RunningHub): Promise<void> {
  for (const _time of [1, 2]) {
    await (await running.request('/healthz', { key: undefined })).text()
    await stat(running.dataDir)
    await quiet(running)
  }
}

/** Resolves when the hub asks WeChat nothing. */
export async function quiet(running: RunningHub): Promise<void> {
  const credentials = running.hub.accounts.all.flatMap(({ wechat }) => wechat.credentials)
  do await turn()
  while (credentials.some(({ state }) => state.refreshing))
  await turn()
}

async function wholeOf(response: Response) {
  const { status, headers } = response
  return { status, headers, text: await response.text() }
}

/** With a text fetch sends a content type of its own. */
function asBytes(body: Body): Body {
  return typeof body === 'string' ? new TextEncoder().encode(body) : body
}

function duplex(body: Body) {
  return body instanceof ReadableStream ? { duplex: 'half' as const } : {}
}
