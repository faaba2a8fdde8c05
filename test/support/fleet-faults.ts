import type { Context, Middleware, Next } from 'koa'

type Fault = (ctx: Context) => void

const faults: readonly Fault[] = [
  (ctx) => {
    ctx.status = 502
    ctx.body = '<html><body><h1>502 Bad Gateway</h1></body></html>'
  },
  (ctx) => {
    ctx.body = { errcode: -1, errmsg: 'system error' }
  },
  (ctx) => {
    ctx.respond = false
    ctx.req.socket.resetAndDestroy()
  },
]

/** Has WeChat fail now and then: a 502, an errcode or the end of the connection in place of an answer. */
export class RandomFaults {
  /** How often, by path. */
  readonly injected = new Map<string, number>()
  readonly #share: number
  readonly #random: () => number

  /** `share`: of the requests, 0 to 1. */
  constructor(share: number, random: () => number) {
    this.#share = share
    this.#random = random
  }

  /** To stand in front of the sandbox. */
  readonly middleware: Middleware = (ctx: Context, next: Next) => {
    if (this.#random() >= this.#share) return next()
    this.injected.set(ctx.path, (this.injected.get(ctx.path) ?? 0) + 1)
    return faults[Math.floor(this.#random() * faults.length)]?.(ctx)
  }
}
