import { randomBytes } from 'node:crypto'

/** Random text of `bytes` random bytes in base64url; no two are the same. */
export function opaque(bytes: number): string {
  return randomBytes(bytes).toString('base64url')
}

/** 139 characters, as long as a real one is; WeChat asks to reserve 512 [ATUSE]. */
export function opaqueToken(): string {
  return `88_${opaque(102)}`
}

/** 28 characters, the first an `o`. */
export function opaqueOpenid(): string {
  return `o${opaque(21).slice(0, 27)}`
}
