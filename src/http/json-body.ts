import type { Context } from 'koa'
import { BodyRefused, readBody } from './body.js'
import { HttpError } from './error.js'

const longestBody = 64 * 1024

/**
 * The JSON object in a request's body; `anyType` takes it whatever the content type says.
 *
 * @throws {HttpError} 415 for another content type, 413 for more than 64 KiB, 400 for anything else that is wrong.
 */
export async function readJsonBody(
  ctx: Context,
  { anyType = false }: { anyType?: boolean } = {},
): Promise<Readonly<Record<string, unknown>>> {
  if (!anyType && ctx.is('json') !== 'json') {
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
    return await readBody(ctx.req, longestBody)
  } catch (error) {
    if (!(error instanceof BodyRefused)) throw error
    // What is left of the body is not worth reading: the connection ends with the answer.
    const headers = { connection: 'close' }
    throw error.reason === 'too-long'
      ? new HttpError(413, `the body is longer than ${longestBody} bytes`, { headers })
      : new HttpError(400, 'the body could not be read', { headers })
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new HttpError(400, 'the body is not valid JSON')
  }
}
