import type { IncomingMessage } from 'node:http'
import type { ParsedUrlQuery } from 'node:querystring'
import { BodyRefused, readBody } from '../body.js'
import { ApiError } from '../errmsg.js'

/** A request to the API, as an endpoint reads it. */
export class Call {
  readonly request: IncomingMessage
  readonly #query: ParsedUrlQuery

  constructor(request: IncomingMessage, query: ParsedUrlQuery) {
    this.request = request
    this.#query = query
  }

  /** A query value that was given once. Empty and repeated ones count as missing. */
  query(name: string): string | undefined {
    return text(this.#query[name])
  }

  /**
   * The body, a JSON object of up to 1 MiB.
   * @throws ApiError 44002 when it is empty, 47001 when it is anything else.
   */
  async json(): Promise<Readonly<Record<string, unknown>>> {
    const body = await readBody(this.request).catch(refused)
    if (body.length === 0) throw new ApiError(44002)
    return parse(body.toString())
  }
}

/** The value if it is a text with something in it. */
export function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function refused(error: unknown): never {
  throw error instanceof BodyRefused ? new ApiError(47001) : error
}

function parse(json: string): Readonly<Record<string, unknown>> {
  const value = parsed(json)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ApiError(47001)
  return { ...value }
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
