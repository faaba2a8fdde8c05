import { z } from 'zod'
import { jssdkSignature, sameSignature } from '../../wechat/signature.js'
import { type Control, Shown } from '../control/control.js'
import { checked } from '../refusal.js'
import type { World } from '../world.js'
import { isOnDomains } from './on-domains.js'

const short = z.string().max(128)

const schema = z.strictObject({
  appId: short,
  timestamp: z.union([short, z.number()]),
  nonceStr: short,
  signature: short,
  url: z.string().max(8192),
})

type Config = z.infer<typeof schema>

/** Any page may ask: what it learns is what WeChat's client tells any page. */
const forAnyPage = { 'access-control-allow-origin': '*' }

/** What WeChat's client does on `wx.config`: first whether the page's domain is the account's, then the signature. */
export const verifyConfig: Control = {
  method: 'POST',
  path: '/sandbox/js-config',
  about: '{"appId", "timestamp", "nonceStr", "signature", "url"} -> {errMsg}: checks what a page gave to wx.config',
  run({ body }, world) {
    const errMsg = verdict(checked(schema, body), world)
    return new Shown(JSON.stringify({ errMsg }), 'application/json; charset=utf-8', forAnyPage)
  },
}

function verdict(config: Config, { accounts, tickets }: World): string {
  const domains = accounts.get(config.appId)?.jsDomains ?? []
  if (!isOnDomains(config.url, domains)) return 'config:invalid url domain'
  const { nonceStr, timestamp, signature, url } = config
  const right = tickets
    .living(config.appId, 'jsapi')
    .some((ticket) => sameSignature(jssdkSignature(ticket, nonceStr, timestamp, url), signature))
  return right ? 'config:ok' : 'config:invalid signature'
}
