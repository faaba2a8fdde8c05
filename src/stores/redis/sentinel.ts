import { setTimeout as sleep } from 'node:timers/promises'
import { answerWithin } from './answer.js'
import type { Argument, Dial, Driver, Link, LinkOptions } from './driver.js'
import { Refusal } from './failure.js'
import { Repeat } from './repeat.js'
import { Single } from './single.js'
import type { RedisAddress, RedisNode } from './url.js'

/** How often the sentinels are asked for the master, in ms. */
const askGap = 500
/** How long a sentinel, or a new master, may take to answer, in ms. */
const longestAnswer = 1_000

interface Subscription {
  readonly channel: string
  readonly heard: (message: string) => void
}

/** The master that most sentinels name. When they name another one, all goes there. */
export class Sentinels implements Driver {
  readonly #dial: Dial
  readonly #address: RedisAddress
  readonly #sentinels: readonly Link[]
  readonly #subscriptions = new Set<Subscription>()
  #master: Single | undefined
  /** Which `#master` goes to. */
  #name: string | undefined
  /** The next one, while it is looked at. */
  #candidate: Single | undefined
  #repeat: Repeat | undefined
  #failure = new Error('no sentinel can be reached')
  #closed = false

  constructor(dial: Dial, address: RedisAddress) {
    const { nodes, tls, sentinelPassword } = address
    this.#dial = dial
    this.#address = address
    this.#sentinels = nodes.map((node) => dial({ node, tls, password: sentinelPassword }))
  }

  /** @throws {Error} why there is no master: at once when it, or the sentinels, let nobody in, else after `patience` ms. */
  async connected(patience: number): Promise<void> {
    const giveUpAt = performance.now() + patience
    while (this.#master === undefined) {
      await this.#look()
      if (this.#master !== undefined || this.#closed) break
      const refused = this.#failure instanceof Refusal && !this.#failure.isPassing
      if (refused || performance.now() > giveUpAt) throw this.#failure
      await sleep(100)
    }
    this.#repeat = new Repeat(askGap, () => this.#look())
    if (this.#closed) this.#repeat.end()
  }

  async send(key: string, args: readonly Argument[]): Promise<unknown> {
    if (this.#master === undefined) throw this.#failure
    return this.#master.send(key, args)
  }

  async subscribe(channel: string, heard: (message: string) => void): Promise<void> {
    this.#subscriptions.add({ channel, heard })
    await this.#master?.subscribe(channel, heard)
  }

  close(): void {
    this.#closed = true
    this.#repeat?.end()
    for (const each of [...this.#sentinels, this.#master, this.#candidate]) each?.close()
  }

  async #look(): Promise<void> {
    const node = await this.#named()
    if (node === undefined || nameOf(node) === this.#name || this.#closed) return
    const { tls, username, password, database } = this.#address
    const candidate = await this.#tried({ node, tls, username, password, database })
    if (candidate === undefined) return
    this.#master?.close()
    this.#master = candidate
    this.#name = nameOf(node)
  }

  /** Which most of the sentinels that answer name; of as many, which is new. */
  async #named(): Promise<RedisNode | undefined> {
    const answers = await Promise.all(
      this.#sentinels.map((sentinel) => answerWithin(longestAnswer, this.#ask(sentinel))),
    )
    const votes = new Map<string, { node: RedisNode; weight: number }>()
    for (const node of answers.filter((answer) => answer !== undefined)) {
      const name = nameOf(node)
      const { weight } = votes.get(name) ?? { weight: name === this.#name ? 0 : 0.5 }
      votes.set(name, { node, weight: weight + 1 })
    }
    return [...votes.values()].sort((one, other) => other.weight - one.weight)[0]?.node
  }

  async #ask(sentinel: Link): Promise<RedisNode | undefined> {
    const { master } = this.#address
    try {
      const answer = await sentinel.send(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', master])
      const [host, port] = Array.isArray(answer) ? answer.map(String) : []
      if (host !== undefined && port !== undefined) return { host, port: Number(port) }
      this.#failure = new Error(`the sentinels know no master "${master}"`)
    } catch (error) {
      const reason = sentinel.failure ?? error
      if (reason instanceof Refusal) this.#failure = reason
    }
    return undefined
  }

  /** A server that says itself that it is the master, and where all that was subscribed is heard. */
  async #tried(options: LinkOptions): Promise<Single | undefined> {
    const candidate = new Single(this.#dial, options)
    this.#candidate = candidate
    try {
      await candidate.connected(longestAnswer)
      const role = await answerWithin(longestAnswer, candidate.send('', ['ROLE']))
      if (!Array.isArray(role) || role[0] !== 'master') throw new Error('whom the sentinels name is no master')
      for (const { channel, heard } of this.#subscriptions) {
        const hears = candidate.subscribe(channel, heard).then(() => true)
        if (!(await answerWithin(longestAnswer, hears))) throw new Error('the new master does not answer')
      }
      if (!this.#closed) return candidate
    } catch (error) {
      if (error instanceof Error) this.#failure = error
    } finally {
      this.#candidate = undefined
    }
    candidate.close()
    return undefined
  }
}

function nameOf({ host, port }: RedisNode): string {
  return `${host} ${port}`
}
