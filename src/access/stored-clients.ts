import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { Scope } from '../http/route.js'
import { createAtomically } from '../stores/write-atomically.js'
import type { Client } from './client.js'
import { hashKey, makeKey } from './key.js'
import { isScope } from './scope.js'

const fileName = 'clients.json'

const storedSchema = z.strictObject({
  clients: z.array(
    z.strictObject({
      name: z.string().min(1).max(64),
      keyHashes: z.array(z.string().regex(/^[0-9a-f]{64}$/)).min(1),
      accounts: z.array(z.string().min(1)),
      scopes: z.array(z.string().refine((text): text is Scope => isScope(text))).min(1),
    }),
  ),
})

/** `clients.json` in the data folder cannot be used. Never replaced by itself: that would lock its clients out. */
export class StoredClientsError extends Error {
  override readonly name = 'StoredClientsError'
  readonly file: string

  constructor(file: string, problem: string) {
    super(`${file}: ${problem}; restore it from a backup, or delete it: the next start then makes a new key`)
    this.file = file
  }
}

export interface FirstKeyOptions {
  /** The data folder. It is made (mode 0700) if it is not there. */
  readonly dataDir: string
  /** Whether anybody can come in already: a `WECHAT_HUB_KEY` or a configured client. Then no key is made. */
  readonly existing: boolean
}

export interface StoredClients {
  /** The clients of `clients.json`. They count beside the configured ones until the file is deleted. */
  readonly clients: readonly Client[]
  /** The key just made. Nobody can read it anywhere later: show it once. Absent if none was made. */
  readonly key?: string
}

/**
 * The clients stored in the data folder. If there are none, and no other way in, makes a key for a client named `first`
 * that may do everything; only its hash is kept, in `clients.json` (mode 0600).
 * @throws StoredClientsError if that file is there but broken.
 */
export async function firstKey({ dataDir, existing }: FirstKeyOptions): Promise<StoredClients> {
  const file = join(dataDir, fileName)
  const stored = await read(file)
  if (stored !== undefined) return { clients: stored }
  if (existing) return { clients: [] }

  const key = makeKey()
  const clients: Client[] = [{ name: 'first', keyHashes: [hashKey(key)], accounts: ['*'], scopes: ['admin'] }]
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  if (await createAtomically(file, `${JSON.stringify({ clients }, null, 2)}\n`)) return { clients, key }
  // Another process, started at the same instant, was first: its key is the one.
  return { clients: (await read(file)) ?? [] }
}

async function read(file: string): Promise<readonly Client[] | undefined> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw new StoredClientsError(file, `it cannot be read (${codeOf(error)})`)
  }
  let content: unknown
  try {
    content = JSON.parse(text)
  } catch {
    throw new StoredClientsError(file, 'it is not valid JSON')
  }
  const parsed = storedSchema.safeParse(content)
  if (parsed.success) return parsed.data.clients
  const places = new Set(parsed.error.issues.map((issue) => issue.path.join('.') || 'the whole file'))
  throw new StoredClientsError(file, `it is damaged at ${[...places].join(', ')}`)
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
}
