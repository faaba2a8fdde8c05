import { createHash, timingSafeEqual } from 'node:crypto'

/** Compares a text with a secret so that the time it takes tells nothing of the secret. */
export function sameSecret(text: string, secret: string): boolean {
  return timingSafeEqual(digest(text), digest(secret))
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
