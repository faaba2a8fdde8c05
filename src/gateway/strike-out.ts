const mask = '*'

/**
 * Strikes a secret out of an answer as it passes. The length stays, and with it what a `content-length` or a range says. Only
 * bytes that may be the beginning of the secret are kept back.
 */
export class StrikeOut {
  readonly #secret: Buffer
  #keptBack: Buffer | undefined

  constructor(secret: string) {
    this.#secret = Buffer.from(secret)
  }

  /** What may be passed on of all that has come. */
  pass(chunk: Buffer): Buffer {
    const whole = this.#struck(this.#keptBack === undefined ? chunk : Buffer.concat([this.#keptBack, chunk]))
    const end = this.#beginningOfSecret(whole)
    this.#keptBack = end === whole.length ? undefined : whole.subarray(end)
    return whole.subarray(0, end)
  }

  /** What is left when nothing comes any more. */
  end(): Buffer | undefined {
    return this.#keptBack
  }

  #struck(bytes: Buffer): Buffer {
    let at = bytes.indexOf(this.#secret)
    if (at < 0) return bytes
    const struck = Buffer.from(bytes)
    for (; at >= 0; at = struck.indexOf(this.#secret, at)) struck.fill(mask, at, at + this.#secret.length)
    return struck
  }

  /** Where, at the end of the bytes, the secret may have begun; their length if nowhere. */
  #beginningOfSecret(bytes: Buffer): number {
    const first = this.#secret[0] ?? 0
    let at = bytes.indexOf(first, Math.max(0, bytes.length - this.#secret.length + 1))
    while (at >= 0 && !this.#secret.subarray(0, bytes.length - at).equals(bytes.subarray(at))) {
      at = bytes.indexOf(first, at + 1)
    }
    return at < 0 ? bytes.length : at
  }
}
