import type { IncomingMessage } from 'node:http'

/** A request's body is too long, or did not come whole. What is left of it has not been read. */
export class BodyRefused extends Error {
  override readonly name = 'BodyRefused'
  readonly reason: 'too-long' | 'broken-off'

  constructor(reason: BodyRefused['reason']) {
    super(reason === 'too-long' ? 'the body is too long' : 'the body did not come whole')
    this.reason = reason
  }
}

/**
 * The body of a request as UTF-8 text. Ours: raw-body, whose decoder takes any encoding, costs a push a tenth more
 * (`npm run bench`).
 *
 * @throws {BodyRefused} when it has more than `limit` bytes, or breaks off.
 * @throws {Error} when somebody else has read it.
 */
export function readBody(request: IncomingMessage, limit: number): Promise<string> {
  return read(request, limit, (chunks) => wholeOf(chunks).toString())
}

/** The body of a request as it is; otherwise as `readBody`. */
export function readBytes(request: IncomingMessage, limit: number): Promise<Buffer> {
  return read(request, limit, wholeOf)
}

function read<T>(request: IncomingMessage, limit: number, give: (chunks: readonly Buffer[]) => T): Promise<T> {
  if (request.readableEnded || request.readableDidRead) {
    return Promise.reject(new Error('the body has been read already: a body parser must not come before this'))
  }
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0
    const refuse = (reason: BodyRefused['reason']) => {
      // What still comes is not looked at.
      request.off('data', take).pause()
      reject(new BodyRefused(reason))
    }
    const take = (chunk: Buffer) => {
      length += chunk.length
      if (length > limit) refuse('too-long')
      else chunks.push(chunk)
    }
    if (Number(request.headers['content-length'] ?? 0) > limit) return refuse('too-long')
    request.on('data', take)
    request.on('end', () => resolve(give(chunks)))
    // Nothing, once all has come. A request that breaks off ends with it, and with an error only for those who listen to that.
    request.on('close', () => reject(broken))
  })
}

/** One for all: it is made for each request, but nobody looks at it if the body came whole. */
const broken = new BodyRefused('broken-off')

function wholeOf(chunks: readonly Buffer[]): Buffer {
  const [only] = chunks
  return chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks)
}
