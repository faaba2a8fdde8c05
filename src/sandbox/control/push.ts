import { pushSchema } from '../push/orders.js'
import { checked } from '../refusal.js'
import type { Control } from './control.js'

/** Answers when all is over: with three retries after 20 s at the latest, if nothing is refused. */
export const push: Control = {
  method: 'POST',
  path: '/sandbox/push',
  about:
    '{"message", "appid"?, "url"?, "mode"?, "format"?, "retries"?, "token"?, "encodingAESKey"?} -> {deliveries, result}: sends a message or event to the callback',
  run: ({ body }, { pushes }) => pushes.prepare(checked(pushSchema, body)).send(),
}
