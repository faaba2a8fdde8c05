import type { Control } from './control.js'

export const listMessages: Control = {
  method: 'GET',
  path: '/sandbox/messages',
  about: 'the customer-service messages sent',
  run: (_request, { messages }) => ({ messages: messages.list() }),
}
