import type { IncomingMessage } from 'node:http'
import { readBytes } from '../http/body.js'
import type { Holding } from './holding.js'
import { Upload } from './upload.js'

/** Bodies up to this length are read before WeChat is called, in bytes: most, and a slow sender keeps no connection busy. */
const longestRead = 64 * 1024

export type RequestBody = Buffer | Upload | undefined

/** Whether a body is framed in a way that can be passed on: by its length, in chunks, or there is none. */
export function isPlainlyFramed({ headers: { 'transfer-encoding': encoding } }: IncomingMessage): boolean {
  return encoding === undefined || encoding.toLowerCase() === 'chunked'
}

/** What of a request's body goes on. That of a GET has no meaning (RFC 9110 9.3.1): a server may take it for the next request. */
export function bodyOf(request: IncomingMessage, holding: Holding): Promise<Buffer> | RequestBody {
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers
  if (encoding === undefined && (length === undefined || length === '0')) return undefined
  if (request.method === 'GET' || request.method === 'HEAD') return undefined
  if (encoding === undefined && Number(length) <= longestRead) return readBytes(request, longestRead)
  return new Upload(request, holding)
}
