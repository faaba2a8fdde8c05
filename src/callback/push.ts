import type { Context } from 'koa'
import type { Wechat } from '../wechat/wechat.js'

/**
 * Answers a push that one of the accounts' Tokens signed with `success`: WeChat then neither repeats it nor tells the user
 * that the account is out of order [REPLY]. The message itself is not read. Anything else gets 403 `mismatch`.
 */
export function acknowledgePush(ctx: Context, wechats: readonly Wechat[]): void {
  const signed = wechats.some((wechat) => wechat.auth(ctx.query))
  ctx.type = 'text/plain'
  ctx.status = signed ? 200 : 403
  ctx.body = signed ? 'success' : 'mismatch'
}
