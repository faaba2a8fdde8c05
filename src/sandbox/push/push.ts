import type { Fields } from './fields.js'
import type { Answered, Line, Unanswered } from './line.js'
import { type Posting, requestFor, stampOf } from './posting.js'
import { type Verdict, verdictOn } from './verdict.js'

/** One time that a push was sent. */
export interface Delivery {
  /** The HTTP status of an answer. */
  status?: number
  /** From the beginning of the request to its end, by the wall clock. */
  ms: number
  /** `answered` whole; `cut` after 5 s, or by the end of the sandbox; `unreachable`: refused, reset, broken off, no HTTP. */
  outcome: 'answered' | 'cut' | 'unreachable'
  /** The answer, up to 64 KiB of it. */
  body?: string
}

/** What became of a push. */
export interface PushReport extends Verdict {
  /** In the order in which they were sent. */
  deliveries: Delivery[]
}

/** Between a delivery that did not arrive and the next, in ms. */
const pauseBeforeRetry = 1000
/** Of an answer so many bytes are reported. */
const reported = 64 * 1024

/** A message on its way from WeChat to a callback. It stays the same, with the same id, however often it is delivered. */
export class Push {
  readonly #posting: Posting
  readonly #retries: number
  readonly #line: Line
  readonly #now: () => number

  constructor(posting: Posting, { retries, line, now }: { retries: number; line: Line; now: () => number }) {
    this.#posting = posting
    this.#retries = retries
    this.#line = line
    this.#now = now
  }

  /** The message in clear, with what was filled in. */
  get message(): Fields {
    return this.#posting.message
  }

  /** Sends it once, whatever the answer. Several may be under way at a time. Does not reject. */
  deliver(): Promise<PushReport> {
    return this.#send(0)
  }

  /** Sends it until there is an answer, with the retries it was given: at once after a cut, 1 s after a fault. Does not reject. */
  send(): Promise<PushReport> {
    return this.#send(this.#retries)
  }

  async #send(retries: number): Promise<PushReport> {
    const before = this.#line.closings
    const answers = [await this.#once()]
    while (answers.length <= retries && answers.at(-1)?.outcome !== 'answered') {
      if (answers.at(-1)?.outcome === 'unreachable') await this.#line.pause(pauseBeforeRetry)
      if (this.#line.closings > before) break
      answers.push(await this.#once())
    }
    return { deliveries: answers.map(deliveryOf), ...this.#verdictOn(answers) }
  }

  #once(): Promise<Answered | Unanswered> {
    return this.#line.ask(requestFor(this.#posting, stampOf(this.#now())))
  }

  #verdictOn(answers: readonly (Answered | Unanswered)[]): Verdict {
    const last = answers.at(-1)
    const { terms, message } = this.#posting
    if (last?.outcome === 'answered') return verdictOn(last, terms, String(message['FromUserName']))
    return { result: 'unavailable', why: `No answer: ${answers.map(reasonOf).join(', then ')}` }
  }
}

function reasonOf(answer: Answered | Unanswered): string {
  return answer.outcome === 'answered' ? 'answered' : answer.reason
}

function deliveryOf(answer: Answered | Unanswered): Delivery {
  const { outcome, ms } = answer
  if (answer.outcome !== 'answered') return { outcome, ms }
  return { outcome, ms, status: answer.status, body: answer.body.subarray(0, reported).toString() }
}
