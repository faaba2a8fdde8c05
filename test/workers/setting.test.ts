import { tmpdir } from 'node:os'
import { describe, expect, it } from 'vitest'
import { ConfigError, loadConfig } from '../../src/config.js'

const account = {
  WECHAT_APPID: 'wx0123456789abcdef',
  WECHAT_APPSECRET: '0123456789abcdef0123456789abcdef',
  WECHAT_TOKEN: 'weixin',
}
const redis = { REDIS_URL: 'redis://127.0.0.1' }

function load(env: NodeJS.ProcessEnv) {
  return loadConfig({ env, cwd: tmpdir() })
}

/** The faults' problems. */
function refusal(env: NodeJS.ProcessEnv): string[] {
  try {
    load(env)
  } catch (error) {
    if (error instanceof ConfigError) return error.faults.map(({ field, problem }) => `${field} ${problem}`)
  }
  return []
}

describe('WECHAT_HUB_WORKERS', () => {
  it('is 1 unless it is set', () => {
    expect(load(account).server.workers).toBe(1)
    expect(load({ ...account, WECHAT_HUB_WORKERS: '1' }).server.workers).toBe(1)
    expect(load({ ...account, ...redis, WECHAT_HUB_WORKERS: '64' }).server.workers).toBe(64)
  })

  it.each(['0', '65', '1.5', '-1', 'four'])('cannot be %s', (value) => {
    expect(refusal({ ...account, ...redis, WECHAT_HUB_WORKERS: value })).toHaveLength(1)
  })

  it('takes a Redis and an account', () => {
    const needsRedis = expect.stringMatching(/^server\.workers .*Redis/)
    const needsAccount = expect.stringMatching(/^server\.workers .*no account/)
    expect(refusal({ ...account, WECHAT_HUB_WORKERS: '2' })).toEqual([needsRedis])
    expect(refusal({ ...redis, WECHAT_HUB_WORKERS: '2' })).toEqual([needsAccount])
    expect(refusal({ WECHAT_HUB_WORKERS: '2' })).toEqual([needsRedis, needsAccount])
  })
})
