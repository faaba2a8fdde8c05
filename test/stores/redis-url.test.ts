import { describe, expect, it } from 'vitest'
import { type RedisAddress, readRedisUrl, whereIs } from '../../src/stores/redis/url.js'

const plain = {
  ...{ kind: 'single', nodes: [{ host: 'h', port: 6379 }], master: '', tls: false, database: 0 },
  ...{ username: undefined, password: undefined },
} as const

const three = ['a', 'b', 'c'].map((host) => ({ host, port: 26379 }))

describe('the URL of a Redis', () => {
  const good: [string, Partial<RedisAddress>][] = [
    ['redis://h', {}],
    ['redis://h/', {}],
    ['redis://h:6379', {}],
    ['redis://h:6379/', {}],
    ['redis://h/0', {}],
    ['redis://h/15', { database: 15 }],
    ['redis://h:1/15/', { database: 15, nodes: [{ host: 'h', port: 1 }] }],
    ['redis://redis_1.example.com:65535', { nodes: [{ host: 'redis_1.example.com', port: 65_535 }] }],
    ['redis://127.0.0.1', { nodes: [{ host: '127.0.0.1', port: 6379 }] }],
    ['redis://[::1]', { nodes: [{ host: '::1', port: 6379 }] }],
    ['redis://[fe80::1:2]:7000/3', { nodes: [{ host: 'fe80::1:2', port: 7000 }], database: 3 }],
    ['rediss://h', { tls: true }],
    ['redis://:secret@h', { password: 'secret' }],
    ['redis://user:secret@h', { username: 'user', password: 'secret' }],
    ['redis://:p%40%3A%2F%2C%25%20%C3%A9@h', { password: 'p@:/,% é' }],
    ['redis://:p,!?#$&=+*h;@h', { password: 'p,!?#$&=+*h;' }],
    ['redis://us%3Aer:s@h', { username: 'us:er', password: 's' }],
    ['redis://:@h', {}],
    ['redis+sentinel://h/mymaster', { kind: 'sentinel', master: 'mymaster', nodes: [{ host: 'h', port: 26379 }] }],
    ['redis+sentinel://a,b,c/my-master.1', { kind: 'sentinel', master: 'my-master.1', nodes: three }],
    ['redis+sentinel://a:26379,b,c/m/2', { kind: 'sentinel', master: 'm', nodes: three, database: 2 }],
    ['rediss+sentinel://:s@a,b,c/0', { kind: 'sentinel', master: '0', nodes: three, tls: true, password: 's' }],
    ['redis+cluster://h', { kind: 'cluster' }],
    ['redis+cluster://h/0', { kind: 'cluster' }],
    [
      'rediss+cluster://u:s@h,[::1]:7001',
      {
        ...{ kind: 'cluster', tls: true, username: 'u', password: 's' },
        nodes: [
          { host: 'h', port: 6379 },
          { host: '::1', port: 7001 },
        ],
      },
    ],
  ]

  it.each(good)('may be %s', (url, address) => {
    expect(readRedisUrl(url)).toEqual({ ...plain, ...address })
  })

  it.each([
    '',
    'h',
    'h:6379',
    'redis:',
    'redis:h',
    'redis:/h',
    'redis://',
    'redis:///0',
    'redis://:6379',
    'redis://:secret@',
    'redis://:secret@:6379',
    'http://h',
    'REDIS://h',
    'valkey://h',
    'unix:///tmp/redis.sock',
    'redis+tls://h',
    'redis+Sentinel://h/m',
    ' redis://h',
    'redis://h ',
    'redis://h\n',
    'redis://h h',
    'redis://h/ 0',
    'redis://h:0',
    'redis://h:65536',
    'redis://h:',
    'redis://h:6379x',
    'redis://h:-1',
    'redis://h/x',
    'redis://h/-1',
    'redis://h/1.5',
    'redis://h/123456',
    'redis://h/0/0',
    'redis://h?db=1',
    'redis://h/0?db=1',
    'redis://h#x',
    'redis://a,b',
    'redis://h,',
    'redis://::1',
    'redis://[::1',
    'redis://[]',
    'redis://[h]',
    'redis://[:::::]',
    'redis://[1.2.3]',
    'redis://:p@ss@h',
    'redis://:p/ss@h',
    'redis://:p%4@h',
    'redis://:%ff@h',
    'redis://%zz:p@h',
    'redis+sentinel://h',
    'redis+sentinel://h/',
    'redis+sentinel://a,,b/m',
    'redis+sentinel://,/m',
    'redis+sentinel://h/m/x',
    'redis+sentinel://h/m m',
    'redis+sentinel://h/m/0/0',
    'redis+cluster://h/1',
    'redis+cluster://h/m',
    'redis+cluster://a,b:x',
    'redis+cluster://',
  ])('may not be %j', (url) => {
    expect(readRedisUrl(url)).toBeUndefined()
  })

  it('is read in a moment, however long and odd it is', () => {
    const begun = performance.now()
    for (const part of ['a', ',', 'a,', ':', '@', '/', '[', '%41', 'a:1,', '/0']) {
      readRedisUrl(`redis+sentinel://${part.repeat(20_000)}!`)
      readRedisUrl(`redis+sentinel://${part.repeat(20_000)}@h,!`)
    }
    expect(performance.now() - begun).toBeLessThan(5_000)
  })

  it.each([
    ['redis://user:secret@h/3', 'the Redis at h:6379'],
    ['rediss://:secret@[::1]:7000', 'the Redis at [::1]:7000'],
    ['redis+sentinel://:secret@a,[::1]/main', 'the Redis master "main" of the sentinels a:26379, [::1]:26379'],
    ['redis+cluster://:secret@a,b:1', 'the Redis Cluster at a:6379, b:1'],
  ])('%s names its place to people without user and password', (url, where) => {
    const address = readRedisUrl(url)
    expect(address && whereIs(address)).toBe(where)
  })
})
