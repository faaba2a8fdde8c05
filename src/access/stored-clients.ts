import { join } from 'node:path'
import { z } from 'zod'
import { errorCode } from '../error-code.js'
import type { Scope } from '../http/route.js'
import { type FoundText, type StoredText, StoreError } from '../stores/store.js'
import type { Client } from './client.js'
import { hashKey, makeKey } from './key.js'
import { isScope } from './scope.js'

/** Whether it can be the name of a stored client: 1 to 64 letters, digits, `_`, `.` and `-`. */
export function isClientName(name: string): boolean {
  return /^[A-Za-z0-9_.-]{1,64}$/.test(name)
}

const storedSchema = z.strictObject({
  clients: z
    .array(
      z.strictObject({
        name: z.string().refine(isClientName),
        keyHashes: z.array(z.string().regex(/^[0-9a-f]{64}$/)).min(1),
        accounts: z.array(z.string().min(1)),
        scopes: z.array(z.string().refine((text): text is Scope => isScope(text))).min(1),
      }),
    )
    .refine((clients) => areApart(clients.map(({ name }) => name)))
    .refine((clients) => areApart(clients.flatMap(({ keyHashes }) => keyHashes))),
})

/** The stored clients cannot be used. Never replaced by themselves: that would lock them out. */
export class StoredClientsError extends Error {
  override readonly name = 'StoredClientsError'
  /** That of their StoredText. */
  readonly where: string

  constructor(where: string, problem: string) {
    super(
      `${where}: ${problem}; restore it from a backup, or delete it, and its clients with it. The next start then makes a new ` +
        'key only if neither WECHAT_HUB_KEY nor a client is configured',
    )
    this.where = where
  }
}

export interface FirstKeyOptions {
  /** Where the clients are stored. */
  readonly text: StoredText
  /** Whether anybody can come in already: a `WECHAT_HUB_KEY` or a configured client. Then no key is made. */
  readonly existing: boolean
}

export interface StoredClients {
  /** They count beside the configured ones until what is stored is deleted. */
  readonly clients: readonly Client[]
  /** The key just made. Nobody can read it anywhere later: show it once. Absent if none was made. */
  readonly key?: string
}

/**
 * The stored clients. If nothing is stored, and there is no other way in, makes a key for a client named `first` that may do
 * everything; only its hash is kept.
 * @throws StoredClientsError if they cannot be used; else what the store throws.
 */
export async function firstKey({ text, existing }: FirstKeyOptions): Promise<StoredClients> {
  const stored = await readClients(text)
  if (stored !== undefined) return { clients: stored.clients }
  if (existing) return { clients: [] }

  const key = makeKey()
  const clients: Client[] = [{ name: 'first', keyHashes: [hashKey(key)], accounts: ['*'], scopes: ['admin'] }]
  if (await text.write(textOf(clients), undefined)) return { clients, key }
  // Another process, started at the same instant, was first: its key is the one.
  return { clients: (await readClients(text))?.clients ?? [] }
}

/** The file in the data folder that holds the clients. */
export function clientsFile(dataDir: string): string {
  return join(dataDir, 'clients.json')
}

/** What is stored for these clients. */
export function textOf(clients: readonly Client[]): string {
  return `${JSON.stringify({ clients }, null, 2)}\n`
}

export interface ClientsFound {
  readonly clients: readonly Client[]
  /** That of the text they were read from. */
  readonly identity: string
}

/**
 * The stored clients; `undefined` if nothing is stored.
 * @throws StoredClientsError if what is there cannot be used, StoreError if the store does not answer.
 */
export async function readClients(text: Pick<StoredText, 'read' | 'where'>): Promise<ClientsFound | undefined> {
  const found = await readFrom(text)
  if (found === undefined) return undefined
  let content: unknown
  try {
    content = JSON.parse(found.text)
  } catch {
    throw new StoredClientsError(text.where, 'it is not valid JSON')
  }
  const parsed = storedSchema.safeParse(content)
  if (parsed.success) return { clients: parsed.data.clients, identity: found.identity }
  const places = new Set(parsed.error.issues.map((issue) => issue.path.join('.') || 'the whole file'))
  throw new StoredClientsError(text.where, `it is damaged at ${[...places].join(', ')}`)
}

async function readFrom(text: Pick<StoredText, 'read' | 'where'>): Promise<FoundText | undefined> {
  try {
    return await text.read()
  } catch (error) {
    // Nothing is wrong with the clients: there is nothing to restore.
    if (error instanceof StoreError) throw error
    throw new StoredClientsError(text.where, `it cannot be read (${errorCode(error) ?? 'unknown'})`)
  }
}

function areApart(values: readonly string[]): boolean {
  return new Set(values).size === values.length
}
