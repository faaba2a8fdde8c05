import { z } from 'zod'
import { checked } from '../refusal.js'
import type { Control } from './control.js'
import { knownAccount } from './known-account.js'

const schema = z.strictObject({
  appid: z.string(),
  endpoint: z.enum(['token', 'stable_token']).default('token'),
  at_once: z.boolean().default(false),
})

/** Someone else with the secret refreshed: the present token goes, the new one is told to nobody. No quota is used. */
export const steal: Control = {
  method: 'POST',
  path: '/sandbox/steal',
  about: '{"appid", "endpoint"?: "token" | "stable_token", "at_once"?: boolean}: someone else refreshes the token',
  run({ body }, world) {
    const { appid, endpoint, at_once } = checked(schema, body)
    world.tokens.issue(knownAccount(appid, world), endpoint, { atOnce: at_once })
    return { appid, endpoint, at_once }
  },
}
