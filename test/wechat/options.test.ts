import { describe, expect, it } from 'vitest'
import type { WechatOptions } from '../../src/wechat/options.js'
import { memoryStorage } from '../../src/wechat/storage.js'
import { Wechat } from '../../src/wechat/wechat.js'
import { account } from '../support/scene.js'

const value = 'the-wrong-value'

/** As a program without types would call it. */
function make(options: object): Wechat {
  return Reflect.construct(Wechat, [{ ...account, ...options }])
}

const wrong: [keyof WechatOptions, unknown[]][] = [
  ['appID', [undefined, '', 7, null, [value]]],
  ['appSecret', [undefined, '', 7, null, [value]]],
  ['token', ['', 7, null, [''], [value, ''], [7]]],
  ['encodingAESKey', ['', 7, null, [''], [value, '']]],
  ['getAccessToken', [value, null, {}]],
  ['saveAccessToken', [value, null, {}]],
  ['getTicket', [value, null, {}]],
  ['saveTicket', [value, null, {}]],
  ['lock', [value, null, {}]],
  ['storage', [value, null, {}, { read: () => undefined }, { read: value, save: value }]],
  [
    'apiDomain',
    ['', 7, null, value, `ftp://${value}/`, `https://${value}/path/`, `https://${value}/?a`, `https://u:p@${value}/`],
  ],
  ['timeout', [0, -1, 1.5, 60_001, Number.NaN, Number.POSITIVE_INFINITY, '5000', null]],
  ['endpoint', [value, '', null, 'Token']],
  ['dailyTokens', [0, -1, 1.5, 1_000_001, '2000', null]],
  ['expiryMargin', [-1, 0.5, 301, '20', null]],
  ['refreshAhead', [-1, 0.5, 300, '290', null]],
  ['clock', [value, null, {}, { now: () => 0 }]],
  ['random', [value, null, 0.5]],
  ['secrets', [value, null, {}]],
  ['onEvent', [value, null, {}]],
  ['onCall', [value, null, {}]],
]

describe('a wrong option', () => {
  it.each(wrong.flatMap(([name, values]) => values.map((each) => ({ name, each }))))(
    'is refused by its name: $name as $each',
    ({ name, each }) => {
      const attempt = () => make({ [name]: each })
      expect(attempt).toThrow(TypeError)
      expect(attempt).toThrow(new RegExp(`^"${name}" option must be `))
      expect(attempt).not.toThrow(value)
    },
  )

  it.each(['getAccessToken', 'saveAccessToken', 'getTicket', 'saveTicket', 'lock'] as const)(
    'is a storage together with %s',
    (name) => {
      expect(() => make({ storage: memoryStorage(), [name]: () => Promise.resolve() })).toThrow(
        '"storage" option must be given alone',
      )
    },
  )
})

describe('a right option', () => {
  it.each<Partial<WechatOptions>>([
    {},
    { token: ['newer', 'older'] },
    { token: [] },
    { timeout: 1 },
    { timeout: 60_000 },
    { dailyTokens: 1 },
    { expiryMargin: 0, refreshAhead: 0 },
    { expiryMargin: 300, refreshAhead: 299 },
    { endpoint: 'stable_token' },
    { apiDomain: 'https://api2.weixin.qq.com' },
    { apiDomain: 'http://127.0.0.1:3000/' },
    { storage: memoryStorage() },
    { getAccessToken: () => Promise.resolve(undefined) },
  ])('is taken: %o', (options) => {
    expect(make(options).appID).toBe(account.appID)
  })
})
