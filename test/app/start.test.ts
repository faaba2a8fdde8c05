import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { handshakeSignature } from '../../src/wechat/signature.js'
import { AppProcess } from '../support/app-process.js'

let app: AppProcess

beforeEach(async () => {
  app = await AppProcess.inEmptyFolder()
})

afterEach(() => app.remove())

const account = {
  WECHAT_APPID: 'wx0123456789abcdef',
  WECHAT_APPSECRET: '0123456789abcdef0123456789abcdef',
  WECHAT_TOKEN: 'shopToken',
}

describe('a start without configuration', () => {
  it('runs against the built-in sandbox, and says so', async () => {
    const url = await app.listening()
    const token = await (await fetch(`${url}/getAccessToken`)).json()
    expect(token).toMatchObject({ access_token: expect.any(String), from: 'wechat' })
    expect(app.stderr).toContain('built-in sandbox')
    expect(app.stderr).toMatch(/sandbox {2}http:\/\/127\.0\.0\.1:\d+\//)
  })

  it('prints the first client key once, and never logs it', async () => {
    const url = await app.listening()
    const key = /whk_\w+/.exec(app.stderr)?.[0] ?? ''
    const headers = { authorization: `Bearer ${key}` }
    expect((await fetch(`${url}/v1/default/access-token`, { headers })).status).toBe(200)
    app.signal('SIGTERM')
    await app.ended()
    expect(app.logText).not.toContain(key)
    const again = await app.listening()
    expect(app.stderr).not.toContain('whk_')
    expect((await fetch(`${again}/v1/default/access-token`, { headers })).status).toBe(200)
    expect(await readFile(join(app.folder, 'data/clients.json'), 'utf8')).not.toContain(key)
  })

  it('shows the first client key though its port is in use, for the next start will not', async () => {
    const { port, close } = await occupiedPort()
    app.start({ PORT: String(port) })
    expect(await app.ended()).toBe(1)
    const key = /whk_\w+/.exec(app.stderr)?.[0] ?? ''
    const url = await app.listening()
    const headers = { authorization: `Bearer ${key}` }
    expect((await fetch(`${url}/v1/default/access-token`, { headers })).status).toBe(200)
    close()
  })

  it('goes on with the stored token after a restart', async () => {
    const before: unknown = await (await fetch(`${await app.listening()}/getAccessToken`)).json()
    app.signal('SIGKILL')
    await app.ended()
    const after: unknown = await (await fetch(`${await app.listening()}/getAccessToken`)).json()
    expect(after).toEqual({ ...Object(before), expires_in: expect.any(Number), from: 'store' })
  })

  it('is refused in production', async () => {
    app.start({ NODE_ENV: 'production' })
    expect(await app.ended()).toBe(78)
    expect(app.stderr).toContain('WECHAT_APPID')
  })
})

describe('a start with an account in the environment', () => {
  it('answers WeChat’s handshake and starts no sandbox', async () => {
    const url = await app.listening(account)
    const [timestamp, nonce, echostr] = ['1714036504', '1514711492', '4375120948345356249']
    const signature = handshakeSignature(account.WECHAT_TOKEN, timestamp, nonce)
    const query = new URLSearchParams({ signature, timestamp, nonce, echostr })
    expect(await (await fetch(`${url}/?${query}`)).text()).toBe(echostr)
    expect((await fetch(`${url}/getAccessToken`)).status).toBe(401)
    expect(app.stderr).not.toContain('sandbox')
  })
})

describe('a start that cannot succeed', () => {
  it.each([
    ['a port that is none', { ...account, PORT: '70000' }, ['PORT']],
    [
      'an EncodingAESKey that is too short',
      { ...account, WECHAT_ENCODING_AES_KEY: 'abc' },
      ['WECHAT_ENCODING_AES_KEY'],
    ],
    ['a data folder below a file', { ...account, WECHAT_HUB_DATA: '/dev/null/data' }, ['WECHAT_HUB_DATA', 'dataDir']],
    ['several faults', { ...account, PORT: 'x', WECHAT_APPSECRET: 'y' }, ['PORT', 'WECHAT_APPSECRET']],
  ])('ends with 78 and names every fault: %s', async (_what, env, names) => {
    app.start(env)
    expect(await app.ended()).toBe(78)
    for (const name of names) expect(app.stderr).toContain(name)
    expect(app.logText).toBe('')
  })

  it.each([
    ['an unknown field', { server: { prot: 1 } }, 'did you mean'],
    ['two accounts with one appID', { accounts: { a: identity(), b: identity() } }, 'accounts.b.appID'],
  ])('ends with 78: %s', async (_what, local, sentence) => {
    await mkdir(join(app.folder, 'config'))
    await writeFile(join(app.folder, 'config/local.json'), JSON.stringify(local))
    app.start()
    expect(await app.ended()).toBe(78)
    expect(app.stderr).toContain(sentence)
    expect(await readdir(app.folder)).toEqual(['config'])
  })

  it('names the port that is in use', async () => {
    const { port, close } = await occupiedPort()
    app.start({ ...account, PORT: String(port) })
    expect(await app.ended()).toBe(1)
    expect(app.stderr).toContain(`port ${port} is in use`)
    close()
  })
})

function identity() {
  return { appID: account.WECHAT_APPID, appSecret: account.WECHAT_APPSECRET, token: account.WECHAT_TOKEN }
}

async function occupiedPort(): Promise<{ port: number; close(): void }> {
  const occupant = createServer()
  const port = await new Promise<number>((resolve) => {
    occupant.listen(0, '::', () => resolve(Object(occupant.address()).port))
  })
  return { port, close: () => occupant.close() }
}
