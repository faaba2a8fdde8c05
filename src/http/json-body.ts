import type { Context } from 'koa'
import getRawBody from 'raw-body'
import { HttpError } from './error.js'

const longestBody = 64 * 1024

/**
 * The JSON object in a request's body.
 *
 * @throws {HttpError} 415 for another content type, 413 for more than 64 KiB, 400 for anything else that is wrong.
 */
export async function readJsonBody(ctx: Context): Promise<Readonly<Record<string, unknown>>> {
  if (ctx.is('json') !== 'json') {
    throw new HttpError(415, 'the body must be JSON', { hint: 'Send the header content-type: application/json.' })
  }
  const value = parse(await read(ctx))
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new HttpError(400, 'the body must be a JSON object')
  }
  return { ...value }
}

async function read(ctx: Context): Promise<string> {
  try {
    const length = ctx.get('content-length')
    return await getRawBody(ctx.req, {
      encoding: 'utf-8',
      limit: longestBody,
      ...(length === '' ? {} : { length }),
    })
  } catch (error) {
    const tooLong = error instanceof Error && 'type' in error && error.type === 'entity.too.large'
    // What is left of the body is not worth reading: the connection ends with the answer.
    throw tooLong
      ? new HttpError(413, `the body is longer than ${longestBody} bytes`, { headers: { connection: 'close' } })
      : new HttpError(400, 'the body could not be read', { headers: { connection: 'close' } })
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new HttpError(400, 'the body is not valid JSON')
  }
}
