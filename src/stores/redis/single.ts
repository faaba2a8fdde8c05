import type { Argument, Dial, Driver, Link, LinkOptions } from './driver.js'

/**
 * One server. What is published comes on a connection of its own: Redis ends those that hear at a lower limit of what waits for
 * them, and takes no other commands on them.
 */
export class Single implements Driver {
  readonly #commands: Link
  readonly #news: Link

  constructor(dial: Dial, options: LinkOptions) {
    this.#commands = dial(options)
    this.#news = dial(options)
  }

  get isReady(): boolean {
    return this.#commands.isReady
  }

  /** @throws {Error} as `Link.connected`. */
  async connected(patience: number): Promise<void> {
    await Promise.all([this.#commands, this.#news].map((link) => link.connected(patience)))
  }

  send(_key: string, args: readonly Argument[]): Promise<unknown> {
    return this.#commands.send(args)
  }

  subscribe(channel: string, heard: (message: string) => void): Promise<void> {
    return this.#news.subscribe(channel, heard)
  }

  close(): void {
    this.#commands.close()
    this.#news.close()
  }
}
