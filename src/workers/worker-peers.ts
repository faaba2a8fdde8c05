import type { Registry } from 'prom-client'
import type { Clock } from '../wechat/clock.js'
import { counted, figuresOf, joined, silence } from './joined-figures.js'
import type { Figures, ToPrimary, ToWorker } from './messages.js'
import type { Peers } from './this-worker.js'

/** So long the others' answers are waited for, in ms. */
const longestWait = 1000

export interface WorkerPeersOptions {
  /** How many other workers there are. */
  readonly others: number
  readonly clock: Clock
  /** Tells the primary process, which passes it on. */
  readonly send: (message: ToPrimary) => void
}

/** A question to the others that is under way, and the answers so far, by the workers' numbers. */
interface Round {
  readonly remembered: Map<number, Figures>
  readonly answered: Map<number, Figures>
  readonly finish: () => void
}

/** The other workers, by way of the primary process. */
export class WorkerPeers implements Peers {
  readonly #options: WorkerPeersOptions
  readonly #rounds = new Map<number, Round>()
  #registry: Registry | undefined
  /** What those who had this worker's place before had counted. */
  #inherited: Figures = []
  #inherit: () => void = () => undefined
  #questions = 0

  constructor(options: WorkerPeersOptions) {
    this.#options = options
  }

  /** Takes part from now on. Resolves when it is known what to go on from: no figures may be shown before. */
  join(): Promise<void> {
    return new Promise((resolve) => {
      this.#inherit = resolve
      this.#options.send({ type: 'started' })
    })
  }

  answerFrom(registry: Registry): void {
    this.#registry = registry
  }

  async all(): Promise<Registry> {
    const own = await this.#own()
    const { remembered, answered } = await this.#ask(own)
    // Without what a silent worker had counted the sums would fall, and Prometheus takes that for a restart.
    const silent = [...remembered].filter(([worker]) => !answered.has(worker)).map(([, figures]) => counted(figures))
    const missing = silence(this.#options.others - answered.size, own)
    return joined([own, ...answered.values(), ...silent, missing])
  }

  /** Takes what the primary process tells. */
  receive(message: Exclude<ToWorker, { type: 'end' }>): void {
    switch (message.type) {
      case 'inherited':
        this.#inherited = counted(message.figures)
        this.#inherit()
        break
      case 'figures-asked':
        void this.#answer(message.question, message.by)
        break
      case 'figures-remembered':
        this.#rounds.get(message.question)?.remembered.set(message.worker, message.figures)
        break
      case 'figures-answered':
        this.#answered(message.question, message.worker, message.figures)
        break
    }
  }

  #ask(figures: Figures): Promise<Round> {
    const question = this.#questions++
    return new Promise((resolve) => {
      const finish = () => {
        callOff()
        this.#rounds.delete(question)
        resolve(round)
      }
      const round: Round = { remembered: new Map(), answered: new Map(), finish }
      const callOff = this.#options.clock.after(longestWait, finish)
      this.#rounds.set(question, round)
      this.#options.send({ type: 'figures-wanted', question, figures })
    })
  }

  #answered(question: number, worker: number, figures: Figures): void {
    const round = this.#rounds.get(question)
    if (round === undefined) return
    round.answered.set(worker, figures)
    if (round.answered.size >= this.#options.others) round.finish()
  }

  /** Without metrics yet, or when they cannot be had, it stays silent. */
  async #answer(question: number, by: number): Promise<void> {
    if (this.#registry === undefined) return
    const figures = await this.#own().catch(() => undefined)
    if (figures !== undefined) this.#options.send({ type: 'figures', question, by, figures })
  }

  async #own(): Promise<Figures> {
    const own = this.#registry === undefined ? [] : await figuresOf(this.#registry)
    return this.#inherited.length === 0 ? own : figuresOf(joined([own, this.#inherited]))
  }
}
