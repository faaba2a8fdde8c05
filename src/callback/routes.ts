import type { Context } from 'koa'
import type { Accounts } from '../accounts.js'
import type { Route } from '../http/route.js'
import { answerHandshake } from './handshake.js'

/** What WeChat calls. A path that names no account takes in all: the signature tells whose it is. */
export function callbackRoutes(accounts: Accounts): Route[] {
  const everyone = accounts.all.map((account) => account.wechat)
  const handshake = (ctx: Context) => answerHandshake(ctx, everyone)
  const handshakeOfAccount = (ctx: Context) => {
    const account = accounts.find(ctx['params'].account)
    answerHandshake(ctx, account === undefined ? [] : [account.wechat])
  }
  return [
    { method: 'GET', path: '/', name: 'handshake at the root', who: 'wechat', handle: handshake },
    { method: 'GET', path: '/wx', name: 'handshake', who: 'wechat', handle: handshake },
    { method: 'GET', path: '/wx/:account', name: 'handshake of an account', who: 'wechat', handle: handshakeOfAccount },
  ]
}
