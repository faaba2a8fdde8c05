import type { IncomingMessage } from 'node:http'
import { Busboy, type BusboyFileStream, type BusboyInstance } from '@fastify/busboy'
import { ApiError } from '../errmsg.js'

/** A file as a form brought it. */
export interface FormFile {
  readonly filename: string
  readonly content_type: string
  readonly bytes: Buffer
}

/**
 * The file in one field of a multipart/form-data body, read as it comes in.
 * @throws ApiError 41005 when there is none or the form is broken, 40006 when it has more than `cap` bytes.
 */
export async function readFile(request: IncomingMessage, field: string, cap: number): Promise<FormFile> {
  const form = formOf(request, cap)
  try {
    return await fileIn(form, request, field)
  } finally {
    request.unpipe(form)
    // What is left must be read, or the client never comes to read its answer.
    request.resume()
  }
}

function formOf(request: IncomingMessage, cap: number): BusboyInstance {
  const headers = { ...request.headers, 'content-type': request.headers['content-type'] ?? '' }
  try {
    return new Busboy({ headers, limits: { fileSize: cap, files: 8, fields: 32 } })
  } catch {
    throw new ApiError(41005)
  }
}

function fileIn(form: BusboyInstance, request: IncomingMessage, field: string): Promise<FormFile> {
  return new Promise((resolve, reject) => {
    const missing = () => reject(new ApiError(41005))
    form.on('file', (name, stream, filename, _encoding, content_type) => {
      stream.once('error', missing)
      if (name !== field) return stream.resume()
      stream.once('limit', () => reject(new ApiError(40006)))
      return collect(stream, (bytes) =>
        resolve({ filename: filename ?? field, content_type: safe(content_type), bytes }),
      )
    })
    form.once('error', missing)
    form.once('finish', missing)
    // A request that is complete closes too, and perhaps before the form has been read to its end.
    request.once('close', () => request.complete || missing())
    request.pipe(form)
  })
}

function collect(stream: BusboyFileStream, done: (bytes: Buffer) => void): void {
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  stream.once('end', () => done(Buffer.concat(chunks)))
}

/** A content type that can be sent back as a header. */
function safe(contentType: string): string {
  return /^[\w.+-]+\/[\w.+-]+$/.test(contentType) ? contentType : 'application/octet-stream'
}
