import { userInfo } from 'node:os'
import { join } from 'node:path'
import type { Config } from '../config.js'
import { errorCode } from '../error-code.js'
import { Audit } from '../ops/audit.js'
import { cleanText } from '../ops/log-redaction.js'
import { systemClock } from '../wechat/clock.js'
import type { Terminal } from './terminal.js'

/** Asked at once: root becomes the owner of the data folder, and would then be told by the owner's name. */
const operator = nameOfUser()

/** `finished` and `undone`: the rotation of a key, of which the newer or the older one is left. */
export type WrittenChange = 'added' | 'rotated' | 'finished' | 'undone' | 'revoked'

/** Notes a change in the audit log, beside the hub that may be running. The change is made: that it is not noted is only told. */
export async function auditChange(
  { dataDir }: Config,
  { client, change }: { readonly client: string; readonly change: WrittenChange },
  terminal: Terminal,
): Promise<void> {
  const folder = join(dataDir, 'audit')
  const audit = new Audit({
    ...{ folder, clock: systemClock },
    clean: (text) => cleanText(text, terminal.secrets),
    observe: (event) => {
      if (event.type !== 'failed') return
      const code = errorCode(event.error) ?? 'unknown error'
      terminal.tell(`The change is made, but it is not in the audit log (${code}): ${folder}`)
    },
  })
  const detail = `by ${operator} on the command line`
  audit.note({ action: 'client', what: change, client, result: 'written', detail })
  await audit.close()
}

function nameOfUser(): string {
  try {
    return userInfo().username
  } catch {
    // In a container a user needs no name.
    return `uid ${process.getuid?.()}`
  }
}
