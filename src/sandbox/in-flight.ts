/** How many token requests are under way for each account, and the most that were at one time. */
export class InFlight {
  readonly #now = new Map<string, number>()
  #most = new Map<string, number>()

  /** One more is under way; call what it returns when it is over. */
  enter(appID: string): () => void {
    this.#change(appID, 1)
    let over = false
    return () => {
      if (!over) this.#change(appID, -1)
      over = true
    }
  }

  now(appID: string): number {
    return this.#now.get(appID) ?? 0
  }

  /** The greatest number at one time since the start or the last `clear()`. */
  most(appID: string): number {
    return this.#most.get(appID) ?? 0
  }

  /** Starts `most` anew, from what is under way. */
  clear(): void {
    this.#most = new Map([...this.#now].filter(([, count]) => count > 0))
  }

  toJSON(): Record<string, number> {
    return Object.fromEntries(this.#most)
  }

  #change(appID: string, by: number): void {
    const count = this.now(appID) + by
    this.#now.set(appID, count)
    if (count > this.most(appID)) this.#most.set(appID, count)
  }
}
