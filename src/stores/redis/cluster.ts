import { setTimeout as sleep } from 'node:timers/promises'
import { answerWithin } from './answer.js'
import type { Argument, Dial, Driver, Link } from './driver.js'
import { Refusal } from './failure.js'
import { Repeat } from './repeat.js'
import { slotOf } from './slot.js'
import type { RedisAddress, RedisNode } from './url.js'

/** How often the cluster is asked which master has which slots, in ms. */
const askGap = 1_000
/** How long a node may take to answer that, in ms. */
const longestAnswer = 1_000
/** How often a command is sent on to where a node says that its slot is. */
const mostRedirections = 3

/** The masters of a cluster. Each has a connection of its own: when one is away, the others go on. */
export class Cluster implements Driver {
  readonly #dial: Dial
  readonly #address: RedisAddress
  /** By `host port`. */
  readonly #links = new Map<string, Link>()
  /** To the nodes of the URL, until one has told where the masters are. */
  #seeds: readonly Link[]
  /** Of each slot its master, as its link is named. */
  #masters: readonly (string | undefined)[] = []
  #subscription: { readonly channel: string; readonly heard: (message: string) => void } | undefined
  #news: Link | undefined
  #repeat: Repeat | undefined
  #failure = new Error('no node of the cluster can be reached')
  #looking: Promise<void> | undefined
  #closed = false

  constructor(dial: Dial, address: RedisAddress) {
    this.#dial = dial
    this.#address = address
    this.#seeds = address.nodes.map((node) => this.#linkTo(node))
  }

  /** @throws {Error} why nobody tells where the masters are: at once when nobody is let in, else after `patience` ms. */
  async connected(patience: number): Promise<void> {
    const giveUpAt = performance.now() + patience
    for (;;) {
      await this.#look()
      if (this.#masters.length > 0 || this.#closed) break
      const refused = this.#failure instanceof Refusal && !this.#failure.isPassing
      if (refused || performance.now() > giveUpAt) throw this.#failure
      await sleep(100)
    }
    this.#repeat = new Repeat(askGap, () => this.#tend())
    if (this.#closed) this.#repeat.end()
  }

  async send(key: string, args: readonly Argument[]): Promise<unknown> {
    const master = this.#masters[slotOf(key)]
    const link = master === undefined ? undefined : this.#links.get(master)
    if (link === undefined) throw new Error('no master has the slot')
    return this.#sendTo(link, args, mostRedirections)
  }

  async subscribe(channel: string, heard: (message: string) => void): Promise<void> {
    this.#subscription = { channel, heard }
    await this.#hear()
  }

  close(): void {
    this.#closed = true
    this.#repeat?.end()
    for (const link of [...this.#links.values(), ...this.#seeds, this.#news]) link?.close()
  }

  async #sendTo(link: Link, args: readonly Argument[], redirections: number): Promise<unknown> {
    try {
      return await link.send(args)
    } catch (error) {
      const [, way, host, port] = (error instanceof Refusal && redirection.exec(error.message)) || []
      if (way === undefined || redirections === 0 || this.#closed) throw error
      // Without a host: the same one.
      const next = this.#linkOf({ host: host || link.node.host, port: Number(port) })
      if (way === 'ASK') return next.sendAfter(['ASKING'], args)
      void this.#look()
      return this.#sendTo(next, args, redirections - 1)
    }
  }

  async #tend(): Promise<void> {
    await this.#look()
    if (this.#news?.isReady !== true) await this.#hear().catch(() => undefined)
  }

  /** Asks who has which slots, unless that is being asked. */
  #look(): Promise<void> {
    this.#looking ??= this.#learn().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  async #learn(): Promise<void> {
    const connected = [...this.#links.values()].filter(({ isReady }) => isReady)
    for (const link of [...connected, ...this.#seeds]) {
      const slots = await answerWithin(longestAnswer, this.#ask(link))
      if (slots === undefined || this.#closed) continue
      this.#follow(slots, link.node)
      return
    }
    // All of them may have moved.
    if (!this.#closed && this.#seeds.length === 0) this.#seeds = this.#address.nodes.map((node) => this.#linkTo(node))
  }

  async #ask(link: Link): Promise<readonly unknown[] | undefined> {
    try {
      const slots = await link.send(['CLUSTER', 'SLOTS'])
      if (Array.isArray(slots) && slots.length > 0) return slots
      this.#failure = new Error('the cluster has no slots')
    } catch (error) {
      const reason = link.failure ?? error
      if (reason instanceof Error) this.#failure = reason
    }
    return undefined
  }

  /** `slots`: of ranges the first, the last and the master, then its replicas. */
  #follow(slots: readonly unknown[], told: RedisNode): void {
    const masters: string[] = []
    for (const range of slots) {
      const [from, to, master] = Array.isArray(range) ? range : []
      const [host, port] = Array.isArray(master) ? master : []
      const node = { host: String(host || told.host), port: Number(port) }
      this.#linkOf(node)
      masters.length = Math.max(masters.length, Number(to) + 1)
      masters.fill(nameOf(node), Number(from), Number(to) + 1)
    }
    this.#masters = masters
    const present = new Set(masters)
    for (const [name, link] of this.#links) {
      if (present.has(name)) continue
      this.#links.delete(name)
      link.close()
    }
    for (const seed of this.#seeds) seed.close()
    this.#seeds = []
  }

  /** On any node: what is published to one is told by all of them. @throws {Error} why that of the last one that was tried failed. */
  async #hear(): Promise<void> {
    const links = [...this.#links.values()].sort((one, other) => Number(other.isReady) - Number(one.isReady))
    let failure = this.#failure
    for (const { node } of links) {
      if (this.#subscription === undefined || this.#closed) return
      this.#news?.close()
      this.#news = this.#linkTo(node)
      try {
        await this.#news.connected(longestAnswer)
        await this.#news.subscribe(this.#subscription.channel, this.#subscription.heard)
        return
      } catch (error) {
        if (error instanceof Error) failure = error
      }
    }
    throw failure
  }

  #linkOf(node: RedisNode): Link {
    const name = nameOf(node)
    const link = this.#links.get(name) ?? this.#linkTo(node)
    this.#links.set(name, link)
    return link
  }

  #linkTo(node: RedisNode): Link {
    const { tls, username, password } = this.#address
    return this.#dial({ node, tls, username, password })
  }
}

const redirection = /^(MOVED|ASK) \d+ (.*):(\d+)$/

function nameOf({ host, port }: RedisNode): string {
  return `${host} ${port}`
}
