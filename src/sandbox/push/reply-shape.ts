import { type Fields, isList, type Value } from './fields.js'
import { Malformed } from './malformed.js'

/** What each passive reply must have besides the four common elements [REPLY]. */
const shapes: ReadonlyMap<string, readonly (readonly [string, ...string[]])[]> = new Map([
  ['text', [['Content']]],
  ['image', [['Image', 'MediaId']]],
  ['voice', [['Voice', 'MediaId']]],
  ['video', [['Video', 'MediaId']]],
  ['music', [['Music', 'ThumbMediaId']]],
  ['news', [['ArticleCount'], ['Articles', 'item']]],
  ['transfer_customer_service', []],
])

/** @throws Malformed when WeChat could not show the reply to `user`. */
export function checkReply(reply: Fields, user: string): void {
  for (const name of ['ToUserName', 'FromUserName', 'CreateTime', 'MsgType']) {
    if (typeof reply[name] !== 'string' || reply[name] === '') throw new Malformed(`has no ${name}`)
  }
  if (reply['ToUserName'] !== user) throw new Malformed('has a ToUserName that is not the FromUserName of the message')
  if (!/^\d+$/.test(String(reply['CreateTime']))) throw new Malformed('has a CreateTime that is no whole number')
  const shape = shapes.get(String(reply['MsgType']))
  if (shape === undefined) throw new Malformed(`has a MsgType that is none of ${[...shapes.keys()].join(', ')}`)
  const absent = shape.find((path) => at(reply, path) === undefined)
  if (absent !== undefined) throw new Malformed(`has no ${absent.join('/')}`)
}

function at(fields: Fields, path: readonly string[]): Value | undefined {
  return path.reduce<Value | undefined>(
    (value, name) => (typeof value === 'object' && !isList(value) ? value[name] : undefined),
    fields,
  )
}
