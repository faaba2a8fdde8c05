import type { Figures, ToPrimary, ToWorker } from './messages.js'

type OfFigures = Extract<ToPrimary, { figures: Figures }>

/** Passes the workers' questions for each other's figures on, and remembers what each showed last. */
export class FigureRelay {
  readonly #latest = new Map<number, Figures>()
  readonly #send: (worker: number, message: ToWorker) => void

  /** `send` tells a worker, if it is there. */
  constructor(send: (worker: number, message: ToWorker) => void) {
    this.#send = send
  }

  /** A new process has this worker's place: it goes on from what the old one had counted. */
  started(worker: number): void {
    this.#send(worker, { type: 'inherited', figures: this.#latest.get(worker) ?? [] })
  }

  /** Takes what a worker tells; `others` are those it may mean. */
  receive(from: number, message: OfFigures, others: readonly number[]): void {
    const { question, figures } = message
    this.#latest.set(from, figures)
    if (message.type === 'figures') {
      this.#send(message.by, { type: 'figures-answered', question, worker: from, figures })
      return
    }
    for (const worker of others) {
      const remembered = this.#latest.get(worker)
      if (remembered !== undefined) {
        this.#send(from, { type: 'figures-remembered', question, worker, figures: remembered })
      }
      this.#send(worker, { type: 'figures-asked', question, by: from })
    }
  }
}
