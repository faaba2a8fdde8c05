/** A text, or the texts of an array's fields, as PHP's `serialize` writes them. Undefined: it is something else. */
export function readPhp(text: string): string | Readonly<Record<string, string>> | undefined {
  const bytes = Buffer.from(text)
  const whole = stringAt(bytes, 0)
  if (whole !== undefined) return whole.end === bytes.length ? whole.value : undefined
  const [head] = /^a:\d+:\{/.exec(text) ?? []
  if (head === undefined) return undefined
  const fields: Record<string, string> = {}
  for (let at = head.length; bytes[at] !== closing; ) {
    const name = stringAt(bytes, at)
    const value = name && (stringAt(bytes, name.end) ?? numberAt(bytes, name.end))
    if (name === undefined || value === undefined) return undefined
    fields[name.value] = value.value
    at = value.end
  }
  return fields
}

const closing = '}'.charCodeAt(0)

interface Read {
  readonly value: string
  /** Where what follows begins. */
  readonly end: number
}

/** `s:5:"hello";`, whose length is in bytes. */
function stringAt(bytes: Buffer, at: number): Read | undefined {
  const [head, length] = /^s:(\d{1,6}):"/.exec(bytes.toString('latin1', at, at + 16)) ?? []
  if (head === undefined) return undefined
  const start = at + head.length
  const end = start + Number(length)
  if (bytes.toString('latin1', end, end + 2) !== '";') return undefined
  return { value: bytes.toString('utf8', start, end), end: end + 2 }
}

/** `i:7200;` */
function numberAt(bytes: Buffer, at: number): Read | undefined {
  const [all, value = ''] = /^i:(-?\d{1,20});/.exec(bytes.toString('latin1', at, at + 32)) ?? []
  return all === undefined ? undefined : { value, end: at + all.length }
}
