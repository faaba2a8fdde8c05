import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { z } from 'zod'
import type { Count } from './quotas.js'
import type { IssuedToken } from './tokens.js'

/** What survives a restart of the sandbox. */
export interface SandboxState {
  /** In seconds. */
  offset: number
  tokens: IssuedToken[]
  quotas: Count[]
}

const moment = z.number().min(0)

const schema: z.ZodType<SandboxState> = z.object({
  offset: z.number().min(0),
  tokens: z.array(
    z.object({
      access_token: z.string(),
      appid: z.string(),
      endpoint: z.enum(['token', 'stable_token']),
      issued_at: moment,
      expires_at: moment,
      dies_at: moment,
      forced: z.boolean(),
    }),
  ),
  quotas: z.array(z.object({ appid: z.string(), name: z.string(), period: z.string(), used: z.number().min(0) })),
})

/** What the file holds. A missing or broken one counts as empty: the next save replaces it. */
export function loadState(file: string | undefined): SandboxState {
  try {
    return schema.parse(JSON.parse(file === undefined ? '' : readFileSync(file, 'utf8')))
  } catch {
    return { offset: 0, tokens: [], quotas: [] }
  }
}

/** Replaces the file as a whole (temporary file, rename), with mode 0600: it holds tokens. A missing folder is made. */
export function saveState(file: string, state: SandboxState): void {
  const temporary = `${file}.${process.pid}.tmp`
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  rmSync(temporary, { force: true })
  writeFileSync(temporary, JSON.stringify(state), { mode: 0o600, flag: 'wx' })
  renameSync(temporary, file)
}
