import type { World } from '../world.js'

/** What a control route reads of a request. */
export interface ControlRequest {
  /** The parsed JSON body of a POST; `undefined` without one. */
  readonly body: unknown
  /** A query value; `undefined` when it is missing or repeated. */
  query(name: string): string | undefined
}

/** One way to move the sandbox from outside. */
export interface Control {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  /** One line for the list at `GET /`. */
  readonly about: string
  /** The answer's JSON. @throws Refusal, which becomes a 400 with its sentence. */
  readonly run: (request: ControlRequest, world: World) => object | Promise<object>
}
