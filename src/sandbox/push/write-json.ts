import type { Fields, Value } from './fields.js'

/** [MPKF] Unquoted, though an id has more digits than a double holds. */
const numbers = ['CreateTime', 'MsgId']

/** The message as a mini program may choose to get it: one object, its time and id as bare digits. */
export function writeJSON(fields: Fields): string {
  return `{${Object.entries(fields).map(member).join(',')}}`
}

function member([name, value]: [string, Value]): string {
  const bare = numbers.includes(name) && typeof value === 'string' && /^(0|[1-9]\d*)$/.test(value)
  return `${JSON.stringify(name)}:${bare ? value : JSON.stringify(value)}`
}
