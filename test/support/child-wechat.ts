import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { ClientRequest } from 'node:http'
import { fileStore } from '../../src/stores/file.js'
import type { Storage } from '../../src/wechat/storage.js'
import type { TicketType } from '../../src/wechat/ticket-endpoint.js'
import type { TokenEndpointName } from '../../src/wechat/token-endpoint.js'
import { Wechat } from '../../src/wechat/wechat.js'
import { serve, settings, tell } from './child-serve.js'

/** What the program is started with. */
export interface WechatSettings {
  readonly folder: string
  readonly apiDomain: string
  readonly appID: string
  readonly appSecret: string
  readonly endpoint?: TokenEndpointName
}

const { folder, appID, ...account } = settings<WechatSettings>()
const files = fileStore(folder).account(appID)

let goOn: () => void = () => undefined
let gate: Promise<void> | undefined

/** The store on disk; `stopBeforeFetch` makes it wait after the fetch was counted, the last step before WeChat is asked. */
const storage: Storage = {
  read: (name) => files.read(name),
  async save(name, record) {
    const kept = await files.save(name, record)
    if (name !== 'fetches' || gate === undefined) return kept
    tell('about to fetch', null)
    await gate
    gate = undefined
    return kept
  },
  setAside: async (name) => files.setAside?.(name),
  lock: (name, work) => files.lock?.(name, work) ?? unlocked(),
  watch: (name, changed) => files.watch?.(name, changed) ?? unlocked(),
}

const wechat = new Wechat({
  ...account,
  appID,
  storage,
  refreshAhead: 290,
  dailyTokens: 1_000_000,
  onEvent: (event) => tell('event', event.type === 'refreshed' ? `${event.type}: ${event.cause}` : event.type),
})

function unlocked(): never {
  throw new Error('the store on disk locks and watches')
}

const commands = {
  /** What so many callers at once are given. */
  get: (callers: number) => Promise.all(Array.from({ length: callers }, () => wechat.accessToken.get())),

  /** What so many callers at once are given of a ticket. */
  getTicket: ({ type, callers }: { type: TicketType; callers: number }) =>
    Promise.all(Array.from({ length: callers }, () => wechat.ticket(type).get())),

  /** What so many reporters of a refused token are given. */
  reject: ({ token, reporters }: { token: string; reporters: number }) =>
    Promise.all(Array.from({ length: reporters }, () => wechat.rejectAccessToken(token))),

  update: () => wechat.updateAccessToken(),

  /** Answers when what it was at before has gone as far as it can: a request that WeChat has is known here to have left. */
  turn: () => new Promise((resolve) => setImmediate(resolve)),

  /** Refreshes as fast as it can for good, and tells each refresh that is done. */
  refreshForever(): void {
    void refreshForever()
  },

  /** The next fetch stops right before WeChat is asked, and says so. */
  stopBeforeFetch(): void {
    gate = new Promise((resolve) => {
      goOn = resolve
    })
  },

  goOn: () => goOn(),

  /** The next request freezes this process when it has left, before that can be known here. */
  freezeAsItLeaves(): void {
    const freeze = (message: unknown) => {
      unsubscribe('http.client.request.start', freeze)
      const { request } = message as { request: ClientRequest }
      request.prependOnceListener('finish', () => process.kill(process.pid, 'SIGSTOP'))
    }
    subscribe('http.client.request.start', freeze)
  },
}

async function refreshForever(): Promise<never> {
  for (;;) {
    const token = await wechat.updateAccessToken()
    tell('refreshed', token)
  }
}

export type WechatCommands = typeof commands

serve(commands)
