import Koa from 'koa'
import Router from 'koa-router'
import { callback, Wechat } from '../../../src/index.js'
import { appID, appSecret, callbackPath, encodingAESKey, replyTo, token } from './account.js'

/** A Koa app with our middleware. `MODE`: the account's. */
const wechat = new Wechat({ appID, appSecret, token, ...(process.env['MODE'] === 'safe' ? { encodingAESKey } : {}) })
const router = new Router()
router.get('/healthz', (ctx) => {
  ctx.body = 'ok'
})
router.all(callbackPath, callback(wechat, replyTo))
const app = new Koa()
app.use(router.routes())
app.listen(Number(process.env['PORT']))
