import type { IncomingMessage } from 'node:http'

/** A body that is too long, or broke off. */
export class BodyRefused extends Error {
  override readonly name = 'BodyRefused'
}

/** No JSON body may be longer, in bytes. */
const cap = 1024 * 1024

const bodies = new WeakMap<IncomingMessage, Promise<Buffer>>()

/**
 * The body of a request, up to 1 MiB; read once, however often it is asked for.
 * @throws BodyRefused when it is longer or breaks off. What follows the limit is thrown away.
 */
export function readBody(request: IncomingMessage): Promise<Buffer> {
  const body = bodies.get(request) ?? collect(request)
  bodies.set(request, body)
  return body
}

function collect(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  return new Promise((resolve, reject) => {
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= cap) chunks.push(chunk)
      else reject(new BodyRefused('The body is longer than 1 MiB'))
    })
    request.once('end', () => resolve(Buffer.concat(chunks)))
    request.once('error', () => reject(new BodyRefused('The body broke off')))
    request.once('close', () => reject(new BodyRefused('The body broke off')))
  })
}
