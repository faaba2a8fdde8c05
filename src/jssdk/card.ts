import { HttpError } from '../http/error.js'
import { type CardToSign, type CardUse, cardFields } from '../wechat/card.js'
import { isPlain } from '../wechat/signature.js'

const uses: readonly CardUse[] = ['addCard', 'chooseCard']
const hint = 'send {"card_id", "code"?, "openid"?}, or {"use": "chooseCard", "location_id"?, "card_id"?, "card_type"?}'

/**
 * The card that a body describes. An empty text counts as a field that is not there: WeChat signs neither.
 *
 * @throws {HttpError} 400 that names the field which is wrong.
 */
export function cardOf(body: Readonly<Record<string, unknown>>): CardToSign {
  const { use = 'addCard', ...given } = body
  const known = uses.find((name) => name === use)
  if (known === undefined) throw wrong(`use must be one of ${uses.join(', ')}`)
  const fields: Record<string, string> = {}
  for (const [name, value] of Object.entries(given)) {
    if (!cardFields[known].some((field) => field === name)) throw wrong(`${shown(name)} is not signed for ${known}`)
    if (value === '') continue
    if (!isPlain(value)) throw wrong(`${name} must be a text of 1 to 128 visible ASCII characters`)
    fields[name] = value
  }
  if (known === 'chooseCard') return { use: known, ...fields }
  const { card_id, ...others } = fields
  if (card_id === undefined) throw wrong('card_id is missing')
  return { use: known, card_id, ...others }
}

/** A caller's word, only if it is one. */
function shown(name: string): string {
  return /^\w{1,32}$/.test(name) ? name : 'a field'
}

function wrong(errmsg: string): HttpError {
  return new HttpError(400, errmsg, { hint })
}
