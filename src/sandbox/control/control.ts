import type { World } from '../world.js'

/** What a control route reads of a request. */
export interface ControlRequest {
  /** The parsed JSON body of a POST; `undefined` without one. */
  readonly body: unknown
  /** A query value; `undefined` when it is missing or repeated. */
  query(name: string): string | undefined
}

/** What a control route answers instead of JSON. */
export class Shown {
  readonly text: string
  readonly contentType: string
  readonly headers: Readonly<Record<string, string>>

  constructor(text: string, contentType: string, headers: Readonly<Record<string, string>> = {}) {
    this.text = text
    this.contentType = contentType
    this.headers = headers
  }
}

/** One way to move the sandbox from outside. */
export interface Control {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  /** One line for the list at `GET /`. */
  readonly about: string
  /** The answer's JSON, or a text. @throws Refusal, which becomes a 400 with its sentence. */
  readonly run: (request: ControlRequest, world: World) => object | Promise<object>
}
