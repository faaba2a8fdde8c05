import { readFile, rename } from 'node:fs/promises'
import { z } from 'zod'
import { writeAtomically } from './write-atomically.js'

/** A secret of the hub's own, one of a row that take over from each other. */
export interface StoredKey {
  /** Letters, digits, `_` and `-`. */
  readonly id: string
  /** 32 bytes. */
  readonly secret: Buffer
  /** When it was made, in ms since the epoch. */
  readonly created: number
}

const storedKey = z.object({
  id: z.string().regex(/^[\w-]{1,16}$/),
  secret: z
    .string()
    .regex(/^[\w-]{43}$/)
    .transform((text) => Buffer.from(text, 'base64url')),
  created: z.number(),
})

/** A file without a key was written by nobody here. */
const storedSchema = z.object({ keys: z.array(storedKey).min(1) })

/**
 * The keys in a file, newest first; none if there is no file. A broken file is kept under another name, `setAside`.
 *
 * @throws what the file system throws.
 */
export async function readKeys(
  file: string,
  clock: { now(): number },
): Promise<{ readonly keys: readonly StoredKey[]; readonly setAside?: string }> {
  const text = await readFile(file, 'utf8').catch(missing)
  if (text === undefined) return { keys: [] }
  const keys = parse(text)
  if (keys !== undefined) return { keys }
  const setAside = `${file}.broken-${new Date(clock.now()).toISOString().replaceAll(/[:.]/g, '-')}`
  await rename(file, setAside)
  return { keys: [], setAside }
}

/** Writes all the keys, mode 0600; the old file or the new one, whole. @throws what the file system throws. */
export async function writeKeys(file: string, keys: readonly StoredKey[]): Promise<void> {
  const stored = keys.map(({ id, secret, created }) => ({ id, secret: secretText(secret), created }))
  await writeAtomically(file, `${JSON.stringify({ keys: stored }, null, 2)}\n`)
}

/** A secret as it stands in the file. */
export function secretText(secret: Buffer): string {
  return secret.toString('base64url')
}

/**
 * Whether the term of a key, in ms, is over. One that has not begun for as long is over too: the clock was set back, and nobody
 * knows how far it had been ahead.
 */
export function isTermOver({ created }: StoredKey, term: number, now: number): boolean {
  return Math.abs(now - created) >= term
}

function parse(text: string): readonly StoredKey[] | undefined {
  try {
    return storedSchema.safeParse(JSON.parse(text)).data?.keys
  } catch {
    return undefined
  }
}

function missing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}
