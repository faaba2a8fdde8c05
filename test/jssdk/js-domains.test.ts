import { describe, expect, it } from 'vitest'
import { faultsOfIssues } from '../../src/config/issues.js'
import { account } from '../../src/config/schema.js'

const shop = { appID: 'wx0123456789abcdef', appSecret: '0123456789abcdef0123456789abcdef', token: 'weixin' }

function read(jsDomains: unknown) {
  return account.safeParse({ ...shop, jsDomains })
}

function faultsOf(jsDomains: unknown) {
  const { error } = read(jsDomains)
  return faultsOfIssues(error?.issues ?? [], { ...shop, jsDomains })
}

describe('jsDomains', () => {
  it('are none by default', () => {
    expect(account.parse(shop).jsDomains).toEqual([])
  })

  it.each([
    [['www.example.com'], ['www.example.com']],
    ['www.example.com', ['www.example.com']],
    [
      ['WWW.Example.COM', 'm.example.cn'],
      ['www.example.com', 'm.example.cn'],
    ],
    [
      ['xn--fiqs8s.example.com', 'a-b.c1.io'],
      ['xn--fiqs8s.example.com', 'a-b.c1.io'],
    ],
    [['1.2.3.example'], ['1.2.3.example']],
    [[], []],
  ])('%j are taken, in lower case', (given, read_) => {
    expect(read(given).data?.jsDomains).toEqual(read_)
  })

  const wrong: [unknown, string][] = [
    ['https://www.example.com', 'must not have a scheme (http:// or https://)'],
    ['http://www.example.com/', 'must not have a scheme (http:// or https://)'],
    ['*.example.com', 'must not have a wildcard: a host name takes in all hosts below it'],
    ['localhost:*', 'must not have a wildcard: a host name takes in all hosts below it'],
    ['www.example.com/shop', 'must not have a path'],
    ['www.example.com/', 'must not have a path'],
    ['www.example.com?a=1', 'must not have a path'],
    ['me@www.example.com', 'must not have a user'],
    ['www.example.com:443', 'must not have a port: WeChat takes pages on ports 80 and 443 alone'],
    ['www.example.com:8080', 'must not have a port: WeChat takes pages on ports 80 and 443 alone'],
    ['127.0.0.1', 'must not be an IP address: WeChat takes host names'],
    ['192.0.2.7:80', 'must not be an IP address: WeChat takes host names'],
    ['[2001:db8::1]', 'must not be an IP address: WeChat takes host names'],
    ['2001:db8::1', 'must not be an IP address: WeChat takes host names'],
    ['www.example.com ', 'must not have spaces'],
    ['商店.example.com', 'must be in ASCII: write it as browsers show it in location.href (xn--…)'],
    ['www.example.com.', 'must not begin or end with a dot'],
    ['.example.com', 'must not begin or end with a dot'],
    ['localhost', 'must be a whole host name, with a dot'],
    ['com', 'must be a whole host name, with a dot'],
    ['www..example.com', 'is not allowed'],
    ['-www.example.com', 'is not allowed'],
    ['www.example-.com', 'is not allowed'],
    ['www.example.42', 'is not allowed'],
    ['www_1.example.com', 'is not allowed'],
    [`${'a'.repeat(64)}.example.com`, 'is not allowed'],
    [`${'a.'.repeat(127)}com`, 'is not allowed'],
    ['', 'is not allowed'],
    [7, 'must not be a number'],
  ]

  it.each(wrong)('%j is refused with a sentence, also among others', (domain, problem) => {
    for (const [given, field] of [
      [['www.example.com', domain], 'jsDomains.1'],
      [[domain], 'jsDomains.0'],
    ] as const) {
      expect(faultsOf(given)).toEqual([{ field, problem, remedy: expect.stringContaining('JS接口安全域名') }])
    }
  })

  it('are at most 20', () => {
    const many = Array.from({ length: 21 }, (_, i) => `a${i}.example.com`)
    expect(read(many.slice(1)).success).toBe(true)
    expect(faultsOf(many)).toMatchObject([{ field: 'jsDomains' }])
    expect(faultsOf({ 'www.example.com': true })).toMatchObject([{ field: 'jsDomains' }])
  })
})
