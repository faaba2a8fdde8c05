import { handshakeSchema } from '../push/orders.js'
import { checked } from '../refusal.js'
import type { Control } from './control.js'

export const handshake: Control = {
  method: 'POST',
  path: '/sandbox/handshake',
  about: '{"appid"?, "url"?} -> {accepted, status, why}: asks the callback as the console does',
  run: ({ body }, { pushes }) => pushes.handshake(checked(handshakeSchema, body)),
}
