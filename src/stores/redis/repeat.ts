/** Does `work` again and again, `gap` ms after it was done, until it is ended. Keeps no process alive. */
export class Repeat {
  readonly #work: () => Promise<void>
  readonly #gap: number
  #timer: NodeJS.Timeout | undefined
  #ended = false

  /** `work` never rejects. */
  constructor(gap: number, work: () => Promise<void>) {
    this.#gap = gap
    this.#work = work
    this.#schedule()
  }

  end(): void {
    this.#ended = true
    clearTimeout(this.#timer)
  }

  #schedule(): void {
    if (this.#ended) return
    this.#timer = setTimeout(() => void this.#work().then(() => this.#schedule()), this.#gap)
    this.#timer.unref()
  }
}
