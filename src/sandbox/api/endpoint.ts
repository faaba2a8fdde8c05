import type { World } from '../world.js'
import type { Call } from './call.js'

/** Bytes to give back, instead of JSON. */
export class Download {
  readonly bytes: Buffer
  readonly contentType: string
  readonly filename: string

  constructor(bytes: Buffer, contentType: string, filename: string) {
    this.bytes = bytes
    this.contentType = contentType
    this.filename = filename
  }
}

/** One call of WeChat's API. */
export interface Endpoint {
  /** The only one it takes: another is 43001 (GET required) or 43002 (POST required). */
  readonly method: 'GET' | 'POST'
  readonly path: string
  /** The answer's JSON, or a file. @throws ApiError */
  readonly answer: (call: Call, world: World) => object | Promise<object>
}
