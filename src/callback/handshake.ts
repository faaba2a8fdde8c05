import type { Context } from 'koa'
import { isPlain } from '../wechat/signature.js'
import type { Wechat } from '../wechat/wechat.js'
import { refuse } from './answer.js'

/**
 * Answers WeChat's check of the callback URL [PUSH]: `echostr` unchanged if one of the accounts' Tokens signed the query,
 * else 403 `mismatch`, whatever was wrong with it.
 */
export function answerHandshake(ctx: Context, wechats: readonly Wechat[]): void {
  const { echostr } = ctx.query
  if (isPlain(echostr) && wechats.some((wechat) => wechat.auth(ctx.query))) {
    ctx.type = 'text/plain'
    ctx.body = echostr
  } else refuse(ctx)
}
