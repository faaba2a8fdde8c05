import { z } from 'zod'
import { checked } from './refusal.js'

export const faultKinds = [
  'slow',
  'hang',
  'reset',
  'truncate',
  'status',
  'garbage',
  'busy',
  'ip',
  'quota',
  'errcode',
  'huge',
] as const

/**
 * - `slow`: the request is handled at once, its answer held back;
 * - `hang`: no answer ever; `reset`: the connection is torn down;
 * - `truncate`: fewer bytes than declared, then the end of the connection;
 * - `status`: an HTTP 5xx with an HTML body; `garbage`: a 200 with one;
 * - `busy`: errcode -1; `ip`: 40164; `quota`: 45009; `errcode`: any other;
 * - `huge`: 5 MB of JSON.
 */
export type FaultKind = (typeof faultKinds)[number]

/** What goes wrong. Only `slow` lets the request through; with all others nothing is issued and no quota used. */
export interface Fault {
  kind: FaultKind
  /** The beginning of the paths that it befalls. Default: every path of the API. */
  path?: string | undefined
  /** How many requests it befalls. Integer, 1 or more. Default: all, until it is removed. */
  times?: number | undefined
  /** `slow` only: for how long the answer is held back, in ms of real time. 0 to 600,000. Default 1000. */
  ms?: number | undefined
  /** `errcode` only, and needed there. */
  errcode?: number | undefined
  /** `errcode` only. Default: WeChat's words for that errcode. */
  errmsg?: string | undefined
  /** `status` only. 500 to 599. Default 502. */
  status?: number | undefined
}

export const faultSchema: z.ZodType<Fault> = z
  .strictObject({
    kind: z.enum(faultKinds, { error: `must be one of ${faultKinds.join(', ')}` }),
    path: z.string().startsWith('/').optional(),
    times: z.int().min(1).optional(),
    ms: z.int().min(0).max(600_000).optional(),
    errcode: z.int().optional(),
    errmsg: z.string().max(1000).optional(),
    status: z.int().min(500).max(599).optional(),
  })
  .refine(({ kind, errcode }) => kind !== 'errcode' || errcode !== undefined, {
    path: ['errcode'],
    error: 'is needed with the kind "errcode"',
  })

/** The faults that are set, oldest first. A request meets the first one that is meant for its path, and no other. */
export class Faults {
  #faults: Fault[] = []

  /** @throws Refusal that names what is wrong; for an unknown kind it lists the kinds. */
  add(fault: Fault): void {
    this.#faults.push(checked(faultSchema, fault))
  }

  /** With how many times each is left. */
  list(): readonly Fault[] {
    return this.#faults.map((fault) => ({ ...fault }))
  }

  clear(): void {
    this.#faults = []
  }

  /** The fault that befalls a request to `path`; it then has one time less. */
  next(path: string): Fault | undefined {
    const fault = this.#faults.find((each) => path.startsWith(each.path ?? '/'))
    if (fault?.times !== undefined) fault.times -= 1
    this.#faults = this.#faults.filter((each) => each.times !== 0)
    return fault
  }
}
