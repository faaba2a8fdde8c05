import type { Context } from 'koa'
import { BodyRefused, readBody } from '../http/body.js'
import { readQuery } from '../http/query.js'
import type { Push } from '../wechat/push.js'
import type { Wechat } from '../wechat/wechat.js'
import type { Refusal } from './callback-event.js'

/** In bytes. WeChat's largest push is some kilobytes. */
const longestPush = 256 * 1024

/** A push, and whose it is. */
export interface Received {
  readonly wechat: Wechat
  readonly push: Push
}

export interface Refused {
  readonly refused: Refusal
}

/**
 * The push in a request, if WeChat sent it to one of these accounts.
 *
 * @throws {Error} when a body parser has read the body before.
 */
export async function receivePush(ctx: Context, wechats: readonly Wechat[]): Promise<Received | Refused> {
  try {
    return verified(ctx, await readBody(ctx.req, longestPush), wechats)
  } catch (error) {
    if (!(error instanceof BodyRefused)) throw error
    ctx.set('connection', 'close')
    return { refused: error.reason }
  }
}

function verified(ctx: Context, body: string, wechats: readonly Wechat[]): Received | Refused {
  const query = readQuery(ctx.querystring)
  let received: Received | undefined
  let refused: Refusal = 'signature'
  for (const wechat of wechats) {
    const push = wechat.readPush(query, body)
    if (!('refused' in push)) {
      // Whoever's it is, the other must not have it.
      if (received !== undefined) return { refused: 'ambiguous' }
      received = { wechat, push }
    } else if (push.refused !== 'signature') {
      // The one that says most: another reason than that of all the accounts whose push it is not.
      refused = push.refused
    }
  }
  return received ?? { refused }
}
