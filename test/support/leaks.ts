import { inspect } from 'node:util'

/** The forms in which a secret could slip into a text. */
export function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret)
  return [
    secret,
    encodeURIComponent(secret),
    new URLSearchParams({ s: secret }).toString().slice(2),
    JSON.stringify(secret).slice(1, -1),
    bytes.toString('base64'),
    bytes.toString('base64url'),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
  ]
}

/** Everything that a log could print of a value: its JSON, its inspection, and of errors the text, the stack and the causes. */
export function textOf(value: unknown): string {
  const texts = [inspect(value, { depth: 10, showHidden: true }), JSON.stringify(value) ?? '', String(value)]
  if (!(value instanceof Error)) return texts.join('\n')
  return [...texts, value.message, value.stack ?? '', value.cause === undefined ? '' : textOf(value.cause)].join('\n')
}

/** The secrets, in whichever form, that can be found in what a log could print of a value. */
export function leaksIn(value: unknown, secrets: readonly string[]): string[] {
  const text = textOf(value)
  return secrets.flatMap(formsOf).filter((form) => text.includes(form))
}
