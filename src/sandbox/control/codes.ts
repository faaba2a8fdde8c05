import { z } from 'zod'
import { checked } from '../refusal.js'
import type { Control } from './control.js'
import { knownAccount } from './known-account.js'

const schema = z.strictObject({
  appid: z.string(),
  openid: z.string().min(1).max(64).optional(),
  unionid: z.string().min(1).max(64).optional(),
})

/** The session comes along, so that a test can encrypt user data with its key, as a mini program gets it from WeChat. */
export const createCode: Control = {
  method: 'POST',
  path: '/sandbox/codes',
  about: '{"appid", "openid"?, "unionid"?} -> {code, openid, session_key}: a login code, as wx.login gives it',
  run({ body }, world) {
    const { appid, ...visitor } = checked(schema, body)
    const { code, session } = world.codes.create(knownAccount(appid, world), visitor)
    return { code, ...session }
  },
}
