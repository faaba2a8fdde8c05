import { jweixin } from '../jssdk/jweixin.js'
import { page } from '../jssdk/page.js'
import { verifyConfig } from '../jssdk/verify-config.js'
import { addAccount } from './accounts.js'
import { advanceClock, readClock } from './clock.js'
import { createCode } from './codes.js'
import type { Control } from './control.js'
import { addFault, listFaults, removeFaults } from './faults.js'
import { handshake } from './handshake.js'
import { listMessages } from './messages.js'
import { push } from './push.js'
import { clearRequests, listRequests } from './requests.js'
import { steal } from './steal.js'

export const controls: readonly Control[] = [
  readClock,
  advanceClock,
  listFaults,
  addFault,
  removeFaults,
  steal,
  listRequests,
  clearRequests,
  createCode,
  addAccount,
  listMessages,
  push,
  handshake,
  page,
  jweixin,
  verifyConfig,
]
