import { setTimeout as delay } from 'node:timers/promises'
import { type Asked, BackEndServer } from './back-end.js'

/** The longest that it takes, in ms: now and then, so that a hub can end meanwhile. */
const longest = 400
const oftenSlow = 0.2

/** A back end that does each delivery once, however often it is told to, and counts how often it did each message. */
export class IdempotentBackEnd {
  /** How often each message was done, by its MsgId. */
  readonly done = new Map<string, number>()
  /** How often it was asked. */
  asked = 0
  readonly #replies = new Map<string, Promise<string>>()
  readonly #random: () => number
  readonly #server: BackEndServer

  private constructor(server: BackEndServer, random: () => number) {
    this.#server = server
    this.#random = random
  }

  static async start(random: () => number): Promise<IdempotentBackEnd> {
    const server = await BackEndServer.start()
    const backEnd = new IdempotentBackEnd(server, random)
    server.answer = (asked) => backEnd.#answer(asked)
    return backEnd
  }

  get url(): string {
    return this.#server.url
  }

  close(): Promise<void> {
    return this.#server.close()
  }

  #answer({ headers, body }: Asked): Promise<string> {
    this.asked += 1
    // A campaign asks it very often.
    this.#server.asked.length = 0
    const delivery = String(headers['x-hub-delivery'])
    const before = this.#replies.get(delivery)
    if (before !== undefined) return before
    const doing = this.#do(JSON.parse(body).message.MsgId)
    this.#replies.set(delivery, doing)
    return doing
  }

  async #do(id: string): Promise<string> {
    this.done.set(id, (this.done.get(id) ?? 0) + 1)
    if (this.#random() < oftenSlow) await delay(longest * this.#random())
    return `done ${id}`
  }
}
