import { isUtf8 } from 'node:buffer'
import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { errorCode } from '../error-code.js'
import type { Clock } from '../wechat/clock.js'
import { BackEndFault } from './back-end-fault.js'

/** No passive reply is longer, in bytes. */
const longestAnswer = 256 * 1024

/** What is sent to a back end. */
export interface BackEndRequest {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** In ms, for the whole exchange. */
  readonly timeout: number
}

export interface BackEndAnswer {
  /** Without its parameters, in lower case; empty if there was none. */
  readonly type: string
  readonly text: string
}

/** Posts to back ends over connections that are kept. */
export class BackEnds {
  readonly #clock: Clock
  readonly #agents = { 'http:': new HttpAgent({ keepAlive: true }), 'https:': new HttpsAgent({ keepAlive: true }) }
  /** What is under way. A signal common to all would keep a trace of each one for good (nodejs/node#54614). */
  readonly #exchanges = new Set<AbortController>()
  #closed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * @throws {BackEndFault} for everything but a text with a status of 200 to 299 in time; of `too-long` and `rubbish` the
   *   status was one of these. Redirects are not followed.
   */
  async post(request: BackEndRequest): Promise<BackEndAnswer> {
    if (this.#closed) throw new BackEndFault('ended')
    const exchange = new AbortController()
    const stop = this.#clock.after(request.timeout, () => exchange.abort(new BackEndFault('timeout')))
    this.#exchanges.add(exchange)
    try {
      return await this.#exchange(request, exchange.signal)
    } finally {
      this.#exchanges.delete(exchange)
      stop()
    }
  }

  /** Ends what is under way, with the fault `ended`, and idle connections. */
  close(): void {
    this.#closed = true
    for (const exchange of this.#exchanges) exchange.abort(new BackEndFault('ended'))
    for (const agent of Object.values(this.#agents)) agent.destroy()
  }

  async #exchange(request: BackEndRequest, signal: AbortSignal): Promise<BackEndAnswer> {
    let sent: ClientRequest | undefined
    let answered = false
    try {
      signal.throwIfAborted()
      sent = this.#send(request, signal).once('response', () => {
        answered = true
      })
      return await answerTo(sent)
    } catch (error) {
      if (signal.aborted) throw signal.reason
      // The back end closed a kept connection just as it was used again: nobody has read the request.
      if (sent?.reusedSocket && !answered && ['ECONNRESET', 'EPIPE'].includes(errorCode(error) ?? ''))
        return this.#exchange(request, signal)
      throw error instanceof BackEndFault ? error : new BackEndFault(faultOf(error), { cause: error })
    }
  }

  #send({ url, headers, body }: BackEndRequest, signal: AbortSignal): ClientRequest {
    const secure = url.protocol === 'https:'
    const request = (secure ? httpsRequest : httpRequest)(url, {
      method: 'POST',
      agent: this.#agents[secure ? 'https:' : 'http:'],
      headers: { ...headers, 'content-length': Buffer.byteLength(body) },
      signal,
    })
    request.end(body)
    return request
  }
}

function answerTo(request: ClientRequest): Promise<BackEndAnswer> {
  return new Promise((resolve, reject) => {
    // There can be a second one, which would end the process if nobody listened.
    request.on('error', reject)
    let responded = false
    // As a net: whatever ends a request without an answer.
    request.once('close', () => {
      if (!responded) reject(new BackEndFault('reset'))
    })
    request.once('upgrade', (_response, socket) => {
      socket.destroy()
      reject(new BackEndFault('rubbish', { because: 'it switches to another protocol' }))
    })
    request.once('response', (response) => {
      responded = true
      read(response).then(resolve, (error: unknown) => {
        reject(error)
        request.destroy()
      })
    })
  })
}

async function read(response: IncomingMessage): Promise<BackEndAnswer> {
  const status = response.statusCode ?? 0
  if (status < 200 || status > 299) throw new BackEndFault('status', { status })
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response) {
    length += chunk.length
    if (length > longestAnswer) throw new BackEndFault('too-long')
    chunks.push(chunk)
  }
  const type = (response.headers['content-type'] ?? '').split(';', 1)[0] ?? ''
  return { type: type.trim().toLowerCase(), text: textOf(Buffer.concat(chunks)) }
}

function textOf(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw new BackEndFault('rubbish', { because: 'it is not UTF-8' })
  return bytes.toString('utf8')
}

function faultOf(error: unknown): 'reset' | 'rubbish' | 'unreachable' {
  const code = errorCode(error) ?? ''
  // What came is no HTTP.
  if (code.startsWith('HPE_')) return 'rubbish'
  const reset = ['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'].includes(code)
  return reset || (error instanceof Error && error.message === 'aborted') ? 'reset' : 'unreachable'
}
