/** Lets one at a time work on a key, in the order in which they came; work on other keys waits for nothing. */
export class Turns {
  /** Resolves when the last one who came for the key has ended. */
  readonly #last = new Map<string, Promise<void>>()

  async run<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> {
    let end: () => void = () => undefined
    const ended = new Promise<void>((resolve) => {
      end = resolve
    })
    const before: Promise<void>[] = []
    // All in one go: two that came for the same keys have the same order on each, so that neither waits for the other.
    for (const key of new Set(keys)) {
      const last = this.#last.get(key)
      if (last !== undefined) before.push(last)
      this.#last.set(key, ended)
    }
    try {
      await Promise.all(before)
      return await work()
    } finally {
      end()
      for (const key of keys) if (this.#last.get(key) === ended) this.#last.delete(key)
    }
  }
}
