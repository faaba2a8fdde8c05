import { accountSchema } from '../accounts.js'
import { checked } from '../refusal.js'
import type { Control } from './control.js'

export const addAccount: Control = {
  method: 'POST',
  path: '/sandbox/accounts',
  about:
    '{"appID", "appSecret", "dailyTokens"?, "jsDomains"?, "token"?, "encodingAESKey"?, "mode"?, "callbackUrl"?, "format"?}: adds or changes an account',
  run: ({ body }, { accounts }) => ({ appID: accounts.add(checked(accountSchema, body)) }),
}
