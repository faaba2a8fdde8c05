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
  if (request.readableEnded || request.readableDidRead) {
    return Promise.reject(new Error('the body has been read already: a body parser must not come before this'))
  }
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0
    const leave = () => request.off('data', take).off('end', end).off('error', breakOff).off('close', breakOff)
    const refuse = (reason: BodyRefused['reason']) => {
      // What still comes is not looked at.
      leave().pause()
      reject(new BodyRefused(reason))
    }
    const breakOff = () => refuse('broken-off')
    const end = () => {
      leave()
      resolve(textOf(chunks))
    }
    const take = (chunk: Buffer) => {
      length += chunk.length
      if (length > limit) refuse('too-long')
      else chunks.push(chunk)
    }
    if (Number(request.headers['content-length'] ?? 0) > limit) return refuse('too-long')
    request.on('data', take).on('end', end).on('error', breakOff).on('close', breakOff)
  })
}

function textOf(chunks: readonly Buffer[]): string {
  const [only] = chunks
  return (chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks)).toString()
}
