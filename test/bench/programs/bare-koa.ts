import Koa from 'koa'
import Router from 'koa-router'

/** What the hub is compared with: the same answer from a Koa app that does nothing else. */
const answer: unknown = JSON.parse(process.env['ANSWER'] ?? '{}')
const router = new Router()
router.get('/v1/:account/access-token', (ctx) => {
  ctx.body = answer
})
router.get('/v1/:account/jssdk', (ctx) => {
  ctx.body = answer
})
router.get('/cgi-bin/token', (ctx) => {
  ctx.body = answer
})
const app = new Koa()
app.use(router.routes())
app.listen(Number(process.env['PORT']))
