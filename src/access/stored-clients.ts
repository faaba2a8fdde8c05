import { type BigIntStats, statSync } from 'node:fs'
import { mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { Scope } from '../http/route.js'
import { createAtomically } from '../stores/write-atomically.js'
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

/** `clients.json` in the data folder cannot be used. Never replaced by itself: that would lock its clients out. */
export class StoredClientsError extends Error {
  override readonly name = 'StoredClientsError'
  readonly file: string

  constructor(file: string, problem: string) {
    super(
      `${file}: ${problem}; restore it from a backup, or delete it, and its clients with it. The next start then makes a new ` +
        'key only if neither WECHAT_HUB_KEY nor a client is configured',
    )
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
  const file = clientsFile(dataDir)
  const stored = await readClients(file)
  if (stored !== undefined) return { clients: stored.clients }
  if (existing) return { clients: [] }

  const key = makeKey()
  const clients: Client[] = [{ name: 'first', keyHashes: [hashKey(key)], accounts: ['*'], scopes: ['admin'] }]
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  if (await createAtomically(file, textOf(clients))) return { clients, key }
  // Another process, started at the same instant, was first: its key is the one.
  return { clients: (await readClients(file))?.clients ?? [] }
}

export function clientsFile(dataDir: string): string {
  return join(dataDir, 'clients.json')
}

/** What the file holds for these clients. */
export function textOf(clients: readonly Client[]): string {
  return `${JSON.stringify({ clients }, null, 2)}\n`
}

export interface ClientsFound {
  readonly clients: readonly Client[]
  /** That of the file they were read from, see `identityOf`. */
  readonly identity: string
}

/**
 * The clients that the file holds; `undefined` if there is no file.
 * @throws StoredClientsError if it is there and cannot be used.
 */
export async function readClients(file: string): Promise<ClientsFound | undefined> {
  const found = await readWithIdentity(file)
  if (found === undefined) return undefined
  let content: unknown
  try {
    content = JSON.parse(found.text)
  } catch {
    throw new StoredClientsError(file, 'it is not valid JSON')
  }
  const parsed = storedSchema.safeParse(content)
  if (parsed.success) return { clients: parsed.data.clients, identity: found.identity }
  const places = new Set(parsed.error.issues.map((issue) => issue.path.join('.') || 'the whole file'))
  throw new StoredClientsError(file, `it is damaged at ${[...places].join(', ')}`)
}

/** Tells the file as it is now from what it was or will be; `undefined` if there is none. @throws what the file system throws. */
export function identityOf(file: string): string | undefined {
  const stats = statSync(file, { bigint: true, throwIfNoEntry: false })
  return stats === undefined ? undefined : asIdentity(stats)
}

export function asIdentity({ ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [ino, size, mtimeNs, ctimeNs].join('/')
}

async function readWithIdentity(file: string): Promise<{ text: string; identity: string } | undefined> {
  try {
    const handle = await open(file, 'r')
    try {
      // Before the text: what is written after this look is seen by the next one.
      const identity = asIdentity(await handle.stat({ bigint: true }))
      return { text: await handle.readFile('utf8'), identity }
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw new StoredClientsError(file, `it cannot be read (${codeOf(error)})`)
  }
}

function areApart(values: readonly string[]): boolean {
  return new Set(values).size === values.length
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
}
