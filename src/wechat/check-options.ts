import type { WechatOptions } from './options.js'

/** Every option there is; the compiler holds it to the interface. */
const known: Readonly<Record<keyof WechatOptions, true>> = {
  appID: true,
  appSecret: true,
  token: true,
  encodingAESKey: true,
  mode: true,
  type: true,
  getAccessToken: true,
  saveAccessToken: true,
  getTicket: true,
  saveTicket: true,
  lock: true,
  storage: true,
  apiDomain: true,
  timeout: true,
  endpoint: true,
  dailyTokens: true,
  expiryMargin: true,
  refreshAhead: true,
  clock: true,
  random: true,
  secrets: true,
  onEvent: true,
  onCall: true,
}

const numbers = {
  timeout: { from: 1, to: 60_000, unit: 'milliseconds' },
  dailyTokens: { from: 1, to: 1_000_000, unit: 'fetches' },
  expiryMargin: { from: 0, to: 300, unit: 'seconds' },
  refreshAhead: { from: 0, to: 299, unit: 'seconds' },
} as const

const callbacks = ['getAccessToken', 'saveAccessToken', 'getTicket', 'saveTicket', 'lock'] as const
const functions = [...callbacks, 'random', 'onEvent', 'onCall'] as const

const objects = {
  storage: ['read', 'save'],
  clock: ['now', 'monotonic', 'after'],
  secrets: ['keep', 'rotate', 'redact'],
} as const

/** @throws {TypeError} that names the option that is wrong, never its value. */
export function checkOptions(options: WechatOptions): void {
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(known, name))
      throw new TypeError(`"${name}" is no option: the options are ${Object.keys(known).join(', ')}`)
  }
  for (const name of ['appID', 'appSecret'] as const) {
    if (!isText(options[name])) refuse(name, 'a non-empty string')
  }
  if (options.token !== undefined && ![options.token].flat().every(isText)) {
    // An empty Token would let everybody sign.
    refuse('token', 'a non-empty string or a list of such')
  }
  const keys = options.encodingAESKey === undefined ? [] : [options.encodingAESKey].flat()
  if (!keys.every(isEncodingAESKey)) refuse('encodingAESKey', '43 letters and digits or a list of such')
  if (options.mode !== undefined && !['plain', 'compatible', 'safe'].includes(options.mode)) {
    refuse('mode', '"plain", "compatible" or "safe"')
  }
  if (options.mode !== undefined && options.mode !== 'plain' && keys.length === 0) {
    refuse('mode', '"plain" without an encodingAESKey')
  }
  if (options.type !== undefined && !['official', 'miniprogram'].includes(options.type)) {
    refuse('type', '"official" or "miniprogram"')
  }
  if (options.apiDomain !== undefined && !isOrigin(options.apiDomain)) {
    refuse('apiDomain', 'an http or https origin without a path, such as https://api.weixin.qq.com/')
  }
  for (const [name, { from, to, unit }] of Object.entries(numbers)) {
    const value: unknown = Reflect.get(options, name)
    if (value === undefined) continue
    const fits = Number.isInteger(value) && Number(value) >= from && Number(value) <= to
    if (!fits) refuse(name, `an integer from ${from} to ${to} (${unit})`)
  }
  if (options.endpoint !== undefined && !['token', 'stable_token'].includes(options.endpoint)) {
    refuse('endpoint', '"token" or "stable_token"')
  }
  for (const name of functions) {
    if (options[name] !== undefined && typeof options[name] !== 'function') refuse(name, 'a function')
  }
  for (const [name, methods] of Object.entries(objects)) {
    const value: unknown = Reflect.get(options, name)
    if (value !== undefined && !hasMethods(value, methods)) refuse(name, `an object with ${methods.join(' and ')}`)
  }
  if (options.storage !== undefined && callbacks.some((name) => options[name] !== undefined)) {
    refuse('storage', `given alone, without ${callbacks.join(', ')}`)
  }
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== ''
}

function isEncodingAESKey(value: unknown): boolean {
  return typeof value === 'string' && /^[A-Za-z0-9]{43}$/.test(value)
}

function isOrigin(value: unknown): boolean {
  if (typeof value !== 'string' || !URL.canParse(value)) return false
  const { protocol, href, origin } = new URL(value)
  return ['http:', 'https:'].includes(protocol) && href === `${origin}/`
}

function hasMethods(value: unknown, methods: readonly string[]): boolean {
  return (
    typeof value === 'object' && value !== null && methods.every((m) => typeof Reflect.get(value, m) === 'function')
  )
}

function refuse(name: string, what: string): never {
  throw new TypeError(`"${name}" option must be ${what}`)
}
