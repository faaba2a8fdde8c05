import type { Agent, Dispatcher } from 'undici'
import type { After } from '../after.js'

/** WeChat waits so long for a whole answer, from the beginning of the request on, in ms [MSG]. */
const patience = 5000
/** So many bytes of an answer are kept, more than any that WeChat could use. */
const cap = 1024 * 1024

/** Loaded with the first push: a hub whose sandbox pushes nothing starts sooner and needs 8 MB less without it. */
const loadUndici = () => import('undici')

export interface LineRequest {
  readonly method: 'GET' | 'POST'
  readonly url: URL
  readonly contentType?: string
  readonly body?: string
}

export interface Answered {
  readonly outcome: 'answered'
  readonly ms: number
  readonly status: number
  /** Up to 1 MiB of it. */
  readonly body: Buffer
  readonly whole: boolean
}

export interface Unanswered {
  /** `cut`: not answered whole within 5 s, or the sandbox was closed. `unreachable`: refused, reset, broken off, no HTTP. */
  readonly outcome: 'cut' | 'unreachable'
  readonly ms: number
  /** A few words for the developer. */
  readonly reason: string
}

/** WeChat's connections to the callbacks: kept alive between requests, each request cut after 5 s. */
export class Line {
  readonly #after: After
  readonly #wall: () => number
  readonly #endings = new Set<() => void>()
  #agent: Agent | undefined
  #closings = 0

  constructor({ after, wall }: { after: After; wall: () => number }) {
    this.#after = after
    this.#wall = wall
  }

  /** How often it was closed. Whoever sees it change while it waits is to stop. */
  get closings(): number {
    return this.#closings
  }

  /** Never rejects. */
  async ask(request: LineRequest): Promise<Answered | Unanswered> {
    const started = this.#wall()
    const before = this.#closings
    const cut = new AbortController()
    const callOff = this.#in(patience, () => cut.abort())
    try {
      const { statusCode, body } = await this.#dispatch(request, cut.signal)
      return { outcome: 'answered', status: statusCode, ...(await collected(body)), ms: this.#wall() - started }
    } catch (error) {
      const ms = this.#wall() - started
      if (this.#closings > before) return { outcome: 'cut', ms, reason: 'the sandbox was closed' }
      if (cut.signal.aborted) return { outcome: 'cut', ms, reason: 'no whole answer within 5 s' }
      return { outcome: 'unreachable', ms, reason: codeOf(error) }
    } finally {
      callOff()
    }
  }

  /** Ends after `ms`, or when the line is closed. */
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#in(ms, resolve)
    })
  }

  /** Cuts what is under way and hangs up. It can be used again. */
  async close(): Promise<void> {
    const agent = this.#agent
    this.#agent = undefined
    this.#closings += 1
    for (const end of this.#endings) end()
    await agent?.destroy()
  }

  /** Calls `work` once: after `ms`, or when the line is closed. Returns a function that calls it off. */
  #in(ms: number, work: () => void): () => void {
    const done = () => {
      callOff()
      work()
    }
    const callOffTimer = this.#after(ms, done)
    const callOff = () => {
      callOffTimer()
      this.#endings.delete(done)
    }
    this.#endings.add(done)
    return callOff
  }

  async #dispatch(
    { method, url, contentType, body }: LineRequest,
    signal: AbortSignal,
  ): Promise<Dispatcher.ResponseData> {
    const undici = await loadUndici()
    // Closed meanwhile: there is nothing more to be opened.
    signal.throwIfAborted()
    // No time-outs of its own: they would not be on our clock.
    this.#agent ??= new undici.Agent({ connectTimeout: 0, headersTimeout: 0, bodyTimeout: 0 })
    const headers = contentType === undefined ? {} : { 'content-type': contentType }
    const path = `${url.pathname}${url.search}`
    return this.#agent.request({ origin: url.origin, path, method, headers, body: body ?? null, signal })
  }
}

async function collected(stream: AsyncIterable<Uint8Array>): Promise<Pick<Answered, 'body' | 'whole'>> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of stream) {
    // Counted to its end, which has to come in time, too.
    if (size < cap) chunks.push(chunk.subarray(0, cap - size))
    size += chunk.length
  }
  return { body: Buffer.concat(chunks), whole: size <= cap }
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'an unknown fault'
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}
