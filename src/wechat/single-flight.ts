/** Lets many callers share one run of a piece of work: while it runs, the others get its promise. */
export class SingleFlight<T> {
  #running: Promise<T> | undefined

  get running(): boolean {
    return this.#running !== undefined
  }

  run(work: () => Promise<T>): Promise<T> {
    this.#running ??= work().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  /** Resolves when nothing runs; never rejects. */
  async idle(): Promise<void> {
    await this.#running?.catch(() => undefined)
  }
}
