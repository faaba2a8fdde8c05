import type { Context, Middleware } from 'koa'
import { isControl } from './control/routes.js'
import type { RecordedRequest, Requests } from './requests.js'

/** One answered request. No query: it holds secrets. */
export interface LogLine {
  method: string
  path: string
  /** 0 when there was no answer. */
  status: number
  errcode?: number
}

/** Records every request to the API, and logs it and those to the control routes. */
export function observe(requests: Requests, log: (line: LogLine) => void): Middleware {
  return async (ctx, next) => {
    const line = isControl(ctx.path) ? { method: ctx.method, path: ctx.path, status: 0 } : opened(requests, ctx)
    try {
      await next()
      note(line, ctx)
    } catch (error) {
      line.status = 500
      throw error
    } finally {
      log({ ...line })
    }
  }
}

function opened(requests: Requests, ctx: Context): RecordedRequest {
  return requests.open(ctx.method, ctx.path)
}

/** Before the answer is sent, so that whoever has it finds it recorded. */
function note(line: LogLine, ctx: Context): void {
  const answered = ctx.respond !== false || ctx.res.headersSent
  line.status = answered ? ctx.status : 0
  const errcode = errcodeOf(ctx.body)
  if (errcode !== undefined) line.errcode = errcode
}

function errcodeOf(body: unknown): number | undefined {
  if (typeof body !== 'object' || body === null || !('errcode' in body)) return undefined
  return typeof body.errcode === 'number' ? body.errcode : undefined
}
