import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import type { Dispatcher } from 'undici'
import { EndedWhilePaused } from './connection-end.js'
import { headersDown } from './headers.js'
import { StrikeOut } from './strike-out.js'
import { longestError, saysTokenDead } from './token-death.js'

/**
 * How a call of WeChat ended: its answer is sent on (`answered`), it says that the token is dead (then nothing is sent yet
 * if that was asked for: `sendOn` does it), the caller went away, or WeChat failed before anything was sent (`failed`;
 * `begun`: of its answer something had come) or in the middle (`broken-off`).
 */
export type Ending =
  | { readonly outcome: 'answered' | 'aborted' | 'broken-off' }
  | { readonly outcome: 'token-dead'; sendOn(): void }
  | { readonly outcome: 'failed'; readonly error: Error; readonly begun: boolean }

export interface ExchangeOptions {
  readonly response: ServerResponse
  /** Sent with every answer: a flat list of names and values. */
  readonly headers: readonly string[]
  /** The access_token that WeChat gets. Its echoes are struck out, unless the caller `keepsToken`. */
  readonly token: string
  readonly keepsToken: boolean
  /** A caller that takes nothing for so long, in ms, is given up: it holds two connections. */
  readonly patience: number
  readonly ended: (ending: Ending) => void
}

/** What stands where WeChat repeated the access_token. */
const struckOut = '(access_token)'

/**
 * One call of WeChat, seen from its answer: passed on as it comes and at the pace of the caller, but for a short text,
 * which may be an error: that is looked at first.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly #options: ExchangeOptions
  readonly #response: ServerResponse
  readonly #strikeOut: StrikeOut | undefined
  #controller: Dispatcher.DispatchController | undefined
  #status = 0
  #headers: IncomingHttpHeaders = {}
  /** What has come of an answer that is to be looked at whole. */
  #held: Buffer[] | undefined
  #heldBytes = 0
  /** Bytes that must come yet; not a number if WeChat has not said how many. */
  #left = Number.NaN
  #begun = false
  #stalled: NodeJS.Timeout | undefined
  #over = false

  constructor(options: ExchangeOptions) {
    this.#options = options
    this.#response = options.response
    this.#strikeOut = options.keepsToken ? undefined : new StrikeOut(options.token)
    this.#response.once('close', this.#callerLeft)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#over) controller.abort(new Error('the caller has gone'))
  }

  /** The first byte of an answer. */
  onResponseStarted(): void {
    this.#begun = true
  }

  onResponseStart(_controller: unknown, status: number, headers: IncomingHttpHeaders): void {
    // 103 and the like are for this hop.
    if (status < 200) return
    this.#status = status
    this.#headers = headers
    this.#left = Number(headers['content-length'])
    if (isShortText(headers)) this.#held = []
    else this.#writeHead(headers['content-length'])
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#left -= chunk.length
    if (this.#held === undefined) {
      this.#write(controller, chunk)
      return
    }
    this.#held.push(chunk)
    this.#heldBytes += chunk.length
    if (this.#heldBytes <= longestError) return
    const begun = Buffer.concat(this.#held)
    this.#held = undefined
    this.#writeHead(this.#headers['content-length'])
    this.#write(controller, begun)
  }

  onResponseEnd(): void {
    if (this.#over) return
    if (this.#held === undefined) {
      this.#response.end(this.#strikeOut?.end())
      this.#end({ outcome: 'answered' })
      return
    }
    const [only] = this.#held
    const body = this.#held.length === 1 && only !== undefined ? only : Buffer.concat(this.#held)
    if (saysTokenDead(body)) {
      this.#end({ outcome: 'token-dead', sendOn: () => this.#send(body) })
    } else {
      this.#send(body)
      this.#end({ outcome: 'answered' })
    }
  }

  onResponseError(_controller: unknown, error: Error): void {
    if (this.#over) return
    if (this.#isWholeDespite(error)) this.onResponseEnd()
    else if (this.#response.headersSent) this.#breakOff()
    else this.#end({ outcome: 'failed', error, begun: this.#begun })
  }

  #breakOff(): void {
    // The caller must see that the answer is not whole: to HTTP/1.0 an orderly end would be the end of the answer.
    try {
      this.#response.socket?.resetAndDestroy()
    } catch {
      // There is no reset but on TCP: the hub may be served over TLS or a Unix socket.
    }
    this.#response.destroy()
    this.#end({ outcome: 'broken-off' })
  }

  #isWholeDespite(error: Error): boolean {
    // undici waits for the body whose length the header tells; with this status there is none (RFC 9110 15.4.5).
    if (this.#status === 304) return true
    const endsWithConnection = Number.isNaN(this.#left) && this.#headers['transfer-encoding'] === undefined
    return endsWithConnection && error instanceof EndedWhilePaused
  }

  #send(body: Buffer): void {
    const { token, keepsToken } = this.#options
    const shown = keepsToken || !body.includes(token) ? body : Buffer.from(body.toString().replaceAll(token, struckOut))
    // An answer to HEAD tells the length of a body that does not come.
    this.#writeHead(body.length === 0 ? this.#headers['content-length'] : String(shown.length))
    this.#response.end(shown)
  }

  #writeHead(length: string | undefined): void {
    const { keepsToken, token } = this.#options
    const headers = headersDown(this.#headers, keepsToken ? undefined : token)
    for (const each of this.#options.headers) headers.push(each)
    if (length !== undefined) headers.push('content-length', length)
    this.#response.writeHead(this.#status, headers)
  }

  #write(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    // After the last one there is nothing to hold back, and undici would take the end of the connection for a failure.
    const shown = this.#strikeOut?.pass(chunk) ?? chunk
    if (shown.length === 0 || this.#response.write(shown) || this.#left === 0) return
    controller.pause()
    // Its end counts as the caller's leaving.
    this.#stalled = setTimeout(() => this.#response.destroy(), this.#options.patience)
    this.#response.once('drain', () => {
      clearTimeout(this.#stalled)
      controller.resume()
    })
  }

  #end(ending: Ending): void {
    this.#over = true
    clearTimeout(this.#stalled)
    this.#response.off('close', this.#callerLeft)
    this.#options.ended(ending)
  }

  readonly #callerLeft = () => {
    if (this.#over) return
    this.#end({ outcome: 'aborted' })
    this.#controller?.abort(new Error('the caller has gone'))
  }
}

function isShortText(headers: IncomingHttpHeaders): boolean {
  const type: unknown = headers['content-type']
  if (type !== undefined && typeof type !== 'string') return false
  if (type !== undefined && !/^(?:application\/json|text\/|$)/i.test(type)) return false
  const encoding = headers['content-encoding']
  return (encoding === undefined || encoding === 'identity') && Number(headers['content-length'] ?? 0) <= longestError
}
