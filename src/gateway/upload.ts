import type { IncomingMessage } from 'node:http'
import type { Holding } from './holding.js'

/** Longest body that is held for a second try, in bytes. */
const longestHeld = 16 * 1024 * 1024

/** What a piece that is held costs beside its bytes: senders choose how small the pieces are. */
const costOfPiece = 256

/**
 * A request's body on its way to WeChat: passed on as it comes, at the pace at which it is taken, and held meanwhile, so that
 * it can be sent once more from its beginning. A body that is too long for that is passed on and forgotten.
 */
export class Upload {
  readonly #source: AsyncIterator<Buffer>
  readonly #holding: Holding
  /** From the beginning; once the body is not repeatable, what a reader that lags behind has yet to take. */
  #pieces: Buffer[] = []
  #repeatable = true
  #heldBytes = 0
  #cost = 0
  #ended = false
  #next: Promise<boolean> | undefined
  /** Counts them: the latest one reads. */
  #reader = 0

  constructor(request: IncomingMessage, holding: Holding) {
    // Whoever stops reading early must not end the connection: the answer has yet to leave on it.
    this.#source = request.iterator({ destroyOnReturn: false })
    this.#holding = holding
  }

  /** Whether it can be sent from its beginning. */
  get repeatable(): boolean {
    return this.#repeatable
  }

  /**
   * The body, from its beginning while it is `repeatable`. Whoever read it before gets no more of it.
   *
   * @throws when the sender goes away.
   */
  read(): AsyncGenerator<Buffer> {
    this.#reader += 1
    return this.#piecesFor(this.#reader)
  }

  /** Forgets what is held, and lets the sender get rid of the rest. Must be called once the answer is there. */
  release(): void {
    this.#reader += 1
    this.#forget()
    this.#pieces = []
    if (!this.#ended) void this.#discard()
  }

  async *#piecesFor(reader: number): AsyncGenerator<Buffer> {
    for (let at = 0; ; ) {
      // An earlier reader may have waited for this piece, and put it into the list.
      while (at >= this.#pieces.length) if (!(await this.#pull())) return
      if (reader !== this.#reader) return
      const piece = this.#pieces[at]
      at += 1
      if (!this.#repeatable) {
        this.#pieces.splice(0, at)
        at = 0
      }
      if (piece !== undefined) yield piece
    }
  }

  /** Whether a further piece has come. */
  #pull(): Promise<boolean> {
    if (this.#ended) return Promise.resolve(false)
    this.#next ??= this.#take().finally(() => {
      this.#next = undefined
    })
    return this.#next
  }

  async #take(): Promise<boolean> {
    const { done, value } = await this.#source.next()
    if (done) {
      this.#ended = true
      return false
    }
    this.#hold(value)
    return true
  }

  #hold(piece: Buffer): void {
    this.#pieces.push(piece)
    if (!this.#repeatable) return
    this.#heldBytes += piece.length
    const cost = piece.length + costOfPiece
    if (this.#heldBytes <= longestHeld && this.#holding.take(cost)) this.#cost += cost
    else this.#forget()
  }

  #forget(): void {
    this.#repeatable = false
    this.#holding.release(this.#cost)
    this.#cost = 0
  }

  /** Many clients read no answer before they have sent all. */
  async #discard(): Promise<void> {
    try {
      while (await this.#pull()) this.#pieces = []
    } catch {
      // The sender has gone.
    }
  }
}
