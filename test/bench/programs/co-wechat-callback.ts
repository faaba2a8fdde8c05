import coWechat from 'co-wechat'
import Koa from 'koa'
import Router from 'koa-router'
import { appID, callbackPath, encodingAESKey, replyTo, token } from './account.js'

/** The same Koa app as `own-callback` with co-wechat's middleware. `MODE`: the account's. */
const aes = process.env['MODE'] === 'safe' ? { encodingAESKey } : {}
const router = new Router()
router.get('/healthz', (ctx) => {
  ctx.body = 'ok'
})
router.all(
  callbackPath,
  coWechat({ token, appid: appID, ...aes }).middleware(async (message) => replyTo(message)),
)
const app = new Koa()
app.use(router.routes())
app.listen(Number(process.env['PORT']))
