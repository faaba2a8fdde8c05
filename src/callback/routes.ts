import type { Context } from 'koa'
import type { Accounts } from '../accounts.js'
import type { Route } from '../http/route.js'
import { answerHandshake } from './handshake.js'
import { acknowledgePush } from './push.js'

/** What WeChat calls. A path that names no account takes in all: the signature tells whose it is. */
export function callbackRoutes(accounts: Accounts): Route[] {
  const named = (ctx: Context) => {
    const name: string | undefined = ctx['params'].account
    const found = name === undefined ? accounts.all : [accounts.find(name)].filter((account) => account !== undefined)
    return found.map((account) => account.wechat)
  }
  const handshake = (ctx: Context) => answerHandshake(ctx, named(ctx))
  const push = (ctx: Context) => acknowledgePush(ctx, named(ctx))
  return [
    { method: 'GET', path: '/', name: 'handshake at the root', who: 'wechat', handle: handshake },
    { method: 'GET', path: '/wx', name: 'handshake', who: 'wechat', handle: handshake },
    { method: 'GET', path: '/wx/:account', name: 'handshake of an account', who: 'wechat', handle: handshake },
    { method: 'POST', path: '/wx', name: 'push', who: 'wechat', handle: push },
    { method: 'POST', path: '/wx/:account', name: 'push of an account', who: 'wechat', handle: push },
  ]
}
