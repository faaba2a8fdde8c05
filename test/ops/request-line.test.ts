import { expect, it } from 'vitest'
import { requestLine } from '../../src/ops/request-line.js'
import { Secrets } from '../../src/wechat/secrets.js'

const secret = '0123456789abcdef0123456789abcdef'

it('cuts a path and an address only when they are clean: half a secret would not be known as one', () => {
  const secrets = new Secrets()
  secrets.keep(secret)
  for (let before = 220; before <= 256; before += 1) {
    const path = `/${'p'.repeat(before - 1)}${secret}`
    const remote = `${'r'.repeat(before - 200)}${secret}`
    const line = {
      requestId: 'a',
      method: 'GET',
      path,
      status: 200,
      ms: 1,
      client: undefined,
      account: undefined,
      remote,
    }
    const text = requestLine('info', { ...line, aborted: false }, (part) => secrets.redact(part))
    expect(text).not.toContain(secret.slice(0, 4))
    expect(JSON.parse(text).path.length).toBeLessThanOrEqual(256)
    expect(JSON.parse(text).remote.length).toBeLessThanOrEqual(64)
  }
})
