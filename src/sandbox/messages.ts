/** A customer-service message that was sent, with the body as the back end gave it. */
export interface SentMessage {
  readonly appid: string
  /** In ms since the epoch, by the sandbox's clock. */
  readonly at: number
  readonly message: Readonly<Record<string, unknown>>
}

/** The latest 1,000 messages that back ends sent to users. */
export class Messages {
  readonly #now: () => number
  #sent: SentMessage[] = []

  constructor(now: () => number) {
    this.#now = now
  }

  add(appid: string, message: Readonly<Record<string, unknown>>): void {
    this.#sent = [...this.#sent, { appid, at: this.#now(), message }].slice(-1000)
  }

  list(): readonly SentMessage[] {
    return this.#sent
  }
}
