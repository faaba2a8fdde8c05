import { z } from 'zod'
import { type MatchConfig, match, matchRegexFields } from './match-schema.js'
import { oneOf, refuse, section, text, tokenOf, trueOrFalse, wholeNumber } from './parts.js'

export interface CommonRoute {
  /** Which messages it takes: all these fields must be so. Default `{}`: every message. */
  readonly match: MatchConfig
  /** The URL of the back end: http or https, with a query if need be. At most 2,048 characters. */
  readonly to: string
  /** Whether it only gets a copy, and its answer is not used. Default false. */
  readonly observe: boolean
  /**
   * What becomes of an answer that comes too late for the passive reply: a customer service message, what WeChat's next
   * try of the same push is answered with, or nothing. Default `customer-service`. Not for observers.
   */
  readonly late: 'customer-service' | 'retry' | 'drop'
  /** How long the back end may take in all, in seconds. 1 to 300, default 60; for observers 10. */
  readonly timeout: number
}

/** Where messages of an account go. The first route without `observe` that matches answers; observers get a copy. */
export type RouteConfig = CommonRoute &
  (
    | {
        readonly format: 'xml'
        /** What pushes to the back end are signed with, as WeChat does. 3 to 32 letters and digits. */
        readonly token: string
      }
    | {
        readonly format: 'json'
        /** The key of the signature. 16 to 256 visible ASCII characters. */
        readonly secret: string
      }
  )

const longestUrl = 2048
const toRemedy = `set an http or https URL without user, password and #, of at most ${longestUrl} characters`

export const to = z.string({ error: toRemedy }).transform((value, context) => {
  const plain = value.length <= longestUrl && /^https?:\/\/[^\s\\/?#@]+(?:[/?][^\s\\#]*)?$/i.test(value)
  return plain && URL.canParse(value) ? new URL(value).href : refuse(context, value, toRemedy)
})

export const observe = trueOrFalse().default(false)

const commonFields = {
  match: match.default({}),
  to,
  observe,
  late: oneOf(['customer-service', 'retry', 'drop']).default('customer-service'),
  timeout: wholeNumber(1, 300, ' of seconds').optional(),
}

const token = tokenOf('the back end')
const secret = text(/^[\x21-\x7e]{16,256}$/, 'set a secret of 16 to 256 visible ASCII characters without spaces')

const xmlFields = {
  ...commonFields,
  format: z.literal('xml'),
  token,
  secret: z.undefined({ error: 'remove it: format xml is signed with a token' }).optional(),
}

const jsonFields = {
  ...commonFields,
  format: z.literal('json'),
  token: z.undefined({ error: 'remove it: format json is signed with a secret' }).optional(),
  secret,
}

const route = z
  .discriminatedUnion('format', [section(xmlFields), section(jsonFields)], {
    error: ({ code }) => (code === 'invalid_union' ? 'set one of: xml, json' : 'set a JSON object'),
  })
  .transform((fields): RouteConfig => ({ ...fields, timeout: fields.timeout ?? (fields.observe ? 10 : 60) }))

const mostRoutes = 100
const routesRemedy = `set a list of at most ${mostRoutes} routes`

export const routes = z.array(route, { error: routesRemedy }).max(mostRoutes, { error: routesRemedy }).default([])

/** The settings that the object at this path, below `routes`, may have. */
export function knownRouteSettings(path: readonly PropertyKey[]): readonly string[] {
  return Object.keys(path.includes('match') ? matchRegexFields : xmlFields)
}
