import type { Accounts } from './accounts.js'
import type { SandboxClock } from './clock.js'
import type { Codes } from './codes.js'
import type { Faults } from './faults.js'
import type { Media } from './media.js'
import type { Messages } from './messages.js'
import type { Pushes } from './push/pushes.js'
import type { Quotas } from './quotas.js'
import type { Requests } from './requests.js'
import type { Tickets } from './tickets.js'
import type { Tokens } from './tokens.js'

/** Everything the sandbox knows; what an endpoint or a control route works on. */
export interface World {
  readonly clock: SandboxClock
  readonly accounts: Accounts
  readonly tokens: Tokens
  readonly quotas: Quotas
  readonly tickets: Tickets
  readonly codes: Codes
  readonly messages: Messages
  readonly media: Media
  readonly faults: Faults
  readonly requests: Requests
  readonly pushes: Pushes
}
