/** How many values of one slot are remembered: a replaced token may still work, and still be named, for a while. */
const valuesPerSlot = 4

/** Shorter values are not looked for: they would be found in ordinary words. */
const shortestSecret = 6

/**
 * The secrets this process knows, and how to take them out of a text (P6). A secret is found as it is and in the
 * forms in which it could slip into a log: URL-encoded, inside a JSON string, in base64, base64url and hex.
 */
export class Secrets {
  readonly #kept = new Set<string>()
  readonly #slots = new Map<string, string[]>()
  #forms: readonly string[] = []

  /** Remembers secrets for good: an AppSecret, a Token, a client key. */
  keep(...values: readonly string[]): void {
    const before = this.#kept.size
    for (const value of values) this.#kept.add(value)
    if (this.#kept.size > before) this.#rebuild()
  }

  /** Remembers a secret that will be replaced, such as an access_token; of each slot the latest four are remembered. */
  rotate(slot: string, value: string): void {
    const values = this.#slots.get(slot) ?? []
    if (values.includes(value)) return
    this.#slots.set(slot, [...values, value].slice(-valuesPerSlot))
    this.#rebuild()
  }

  /** The text with every known secret replaced by `[secret]`. */
  redact(text: string): string {
    let clean = text
    for (const form of this.#forms) {
      if (clean.includes(form)) clean = clean.replaceAll(form, '[secret]')
    }
    return clean
  }

  #rebuild(): void {
    const values = [...this.#kept, ...[...this.#slots.values()].flat()].filter((v) => v.length >= shortestSecret)
    // Longest first: a secret that contains another one must go as a whole.
    this.#forms = [...new Set(values.flatMap(formsOf))].sort((a, b) => b.length - a.length)
  }
}

function formsOf(value: string): string[] {
  const bytes = Buffer.from(value)
  const hex = bytes.toString('hex')
  return [
    value,
    encodeURIComponent(value),
    // As in a query that URLSearchParams wrote, a URL of ours for one.
    new URLSearchParams({ '': value }).toString().slice(1),
    JSON.stringify(value).slice(1, -1),
    bytes.toString('base64').replace(/=+$/, ''),
    bytes.toString('base64url'),
    hex,
    hex.toUpperCase(),
  ]
}
