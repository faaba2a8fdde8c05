import { AuditFile } from '../../src/ops/audit-file.js'
import { systemClock } from '../../src/wechat/clock.js'
import { serve, settings, tell } from './child-serve.js'

const { folder, month } = settings<{ folder: string; month: string }>()

const file = new AuditFile({ folder, clock: systemClock, observe: ({ type }) => tell(type, null) })

const commands = {
  append(lines: readonly string[]): void {
    for (const line of lines) file.append(month, `${line}\n`)
  },

  /** Ends with what has not been written. */
  appendAndExit(lines: readonly string[]): void {
    commands.append(lines)
    process.exit()
  },

  close(): Promise<void> {
    return file.close()
  },
}

export type AuditCommands = typeof commands

serve(commands)
