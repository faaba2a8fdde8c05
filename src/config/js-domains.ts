import { z } from 'zod'
import { refuse } from './parts.js'

const remedy = 'set a host name as WeChat has it in JS接口安全域名, such as www.example.com, or a list of such'
const most = 20

/** Two labels at least, the last one not a number: no IP address. */
const hostName = /^(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?!\d+$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])$/

/** What people write instead of a host name, and what to say of it. The first that fits counts. */
const mistakes: readonly (readonly [RegExp, string])[] = [
  [/^[a-z][a-z0-9+.-]*:\/\//i, 'must not have a scheme (http:// or https://)'],
  [/\*/, 'must not have a wildcard: a host name takes in all hosts below it'],
  [/[/?#\\]/, 'must not have a path'],
  [/@/, 'must not have a user'],
  [
    /^\[|^(?:\d+\.){3}\d+(?::\d+)?$|^[0-9a-f]*:[0-9a-f:]*:[0-9a-f.:]*$/i,
    'must not be an IP address: WeChat takes host names',
  ],
  [/:\d*$/, 'must not have a port: WeChat takes pages on ports 80 and 443 alone'],
  [/\s/, 'must not have spaces'],
  [/[^\x21-\x7e]/, 'must be in ASCII: write it as browsers show it in location.href (xn--…)'],
  [/^\.|\.$/, 'must not begin or end with a dot'],
  [/^[a-z0-9-]+$/i, 'must be a whole host name, with a dot'],
]

const domain = z.string({ error: remedy }).transform((value, context) => {
  const host = value.toLowerCase()
  if (hostName.test(host)) return host
  return refuse(context, value, remedy, mistakes.find(([form]) => form.test(value))?.[1])
})

/** One host name or a list of them; always a list afterwards. */
export const jsDomains = z
  .preprocess(
    (value) => (typeof value === 'string' ? [value] : value),
    z.array(domain, { error: remedy }).max(most, { error: remedy }),
  )
  .default([])
