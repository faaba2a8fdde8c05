import { z } from 'zod'

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

/** A text without a key was written by nobody here. */
const storedSchema = z.object({ keys: z.array(storedKey).min(1) })

/** The keys in a text, newest first; undefined if it is broken. */
export function keysIn(text: string): readonly StoredKey[] | undefined {
  try {
    return storedSchema.safeParse(JSON.parse(text)).data?.keys
  } catch {
    return undefined
  }
}

/** What is stored for these keys. */
export function textOfKeys(keys: readonly StoredKey[]): string {
  const stored = keys.map(({ id, secret, created }) => ({ id, secret: secretText(secret), created }))
  return `${JSON.stringify({ keys: stored }, null, 2)}\n`
}

/** A secret as it is stored. */
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
