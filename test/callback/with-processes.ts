import { test as base } from 'vitest'
import type { CallbackEvent } from '../../src/callback/callback-event.js'
import { Pushes } from '../../src/callback/pushes.js'
import type { RouteConfig } from '../../src/config/route-schema.js'
import { Sandbox } from '../../src/sandbox/sandbox.js'
import { pause } from '../../src/wechat/clock.js'
import type { AccountType } from '../../src/wechat/options.js'
import { type ReadMessage, readMessageText } from '../../src/wechat/push.js'
import { Wechat } from '../../src/wechat/wechat.js'
import { writeXml } from '../../src/wechat/xml.js'
import { type Answering, BackEndServer } from '../support/back-end.js'
import { MovableClock } from '../support/movable-clock.js'
import { shop } from '../support/running-hub.js'
import { SharedStore, type SharingProcess } from '../support/shared-store.js'
import { manyTurns } from './with-hub.js'

export const { appID } = shop

/** WeChat cuts a delivery that has no answer, in ms. */
const longestDelivery = 5_000

/** One process of the hub. */
export interface HubProcess {
  readonly pushes: Pushes
  readonly store: SharingProcess
  readonly events: CallbackEvent[]
}

/** Processes of one hub that share a store, their WeChat and their back ends, on a clock that the test moves. */
export class Processes {
  readonly clock = new MovableClock()
  readonly sandbox: Sandbox
  readonly #backEnds: BackEndServer[] = []
  readonly #all: HubProcess[] = []
  #store: SharedStore | undefined
  #wechat: Wechat | undefined

  constructor() {
    this.sandbox = new Sandbox({ accounts: [shop], now: () => this.clock.now() })
  }

  get store(): SharedStore {
    if (this.#store === undefined) throw new Error('no process has been started')
    return this.#store
  }

  /** A process that has these routes. */
  async start(routes: readonly RouteConfig[], type: AccountType = 'official'): Promise<HubProcess> {
    this.#store ??= await SharedStore.open(this.clock)
    this.#wechat ??= new Wechat({ ...shop, type, apiDomain: await this.sandbox.listen(), clock: this.clock })
    const store = this.#store.process()
    const events: CallbackEvent[] = []
    const pushes = new Pushes({
      accounts: [{ name: 'shop', wechat: this.#wechat, routes }],
      ...{ store, clock: store.clock, random: () => 0 },
      observe: (_account, event) => events.push(event),
    })
    await pushes.start()
    const process = { pushes, store, events }
    this.#all.push(process)
    return process
  }

  async startMany(count: number, routes: readonly RouteConfig[]): Promise<HubProcess[]> {
    const all: HubProcess[] = []
    for (let n = 0; n < count; n += 1) all.push(await this.start(routes))
    return all
  }

  async backEnd(answer?: Answering): Promise<BackEndServer> {
    const backEnd = await BackEndServer.start(answer)
    this.#backEnds.push(backEnd)
    return backEnd
  }

  /** An answer that comes `ms` after the back end was asked. */
  slow(ms: number, text: string): Answering {
    return async () => {
      await new Promise<void>((resolve) => {
        this.clock.after(ms, resolve)
      })
      return text
    }
  }

  /** A delivery of WeChat's: the answer, empty for `success`; `undefined` if there was none within 5 s. */
  deliver({ pushes, store }: HubProcess, id: string, from = 'oUser'): Promise<string | undefined> {
    return new Promise((resolve) => {
      const stop = this.clock.after(longestDelivery, () => resolve(undefined))
      void pushes.answer(appID, text(id, from), store.clock.monotonic()).then((reply) => {
        if (reply === undefined || !store.alive) return
        stop()
        resolve(reply)
      })
    })
  }

  /** Moves time, and lets what then is under way over sockets get there. */
  async advance(ms: number): Promise<void> {
    await this.store.advance(ms)
    await manyTurns()
  }

  /** What customer service has told users, oldest first. */
  get told(): readonly unknown[] {
    return this.sandbox.messages.list().map(({ message }) => message)
  }

  async close(): Promise<void> {
    // Those that were killed wait for ever.
    await Promise.all(this.#all.map(({ pushes, store }) => (store.alive ? pushes.close() : undefined)))
    await Promise.all([this.#wechat?.close(), this.sandbox.close(), ...this.#backEnds.map((each) => each.close())])
    await this.#store?.close()
  }
}

/** From now on each answer of the store comes `ms` after it was true. */
export function slowDown(store: SharingProcess, ms: number): void {
  const { clock, peers } = store
  const answered = async <T>(work: Promise<T>): Promise<T> => {
    const answer = await work
    await pause(clock, ms)
    return answer
  }
  const { get, putIfAbsent, replace, write } = store
  const { isAlive } = peers
  store.get = (...asked) => answered(get.apply(store, asked))
  store.putIfAbsent = (...asked) => answered(putIfAbsent.apply(store, asked))
  store.replace = (...asked) => answered(replace.apply(store, asked))
  store.write = (...asked) => answered(write.apply(store, asked))
  peers.isAlive = (...asked) => answered(isAlive.apply(peers, asked))
}

function text(MsgId: string, FromUserName: string): ReadMessage {
  const common = { ToUserName: 'gh_1', FromUserName, CreateTime: 1700000000, MsgType: 'text' }
  const read = readMessageText(writeXml({ ...common, Content: `text ${MsgId}`, MsgId }))
  if (read === undefined) throw new Error('the test’s message can not be read')
  return read
}

export const test = base.extend<{ hub: Processes }>({
  hub: async ({ task: _task }, use) => {
    const hub = new Processes()
    await use(hub)
    await hub.close()
  },
})
