import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hashKey } from '../../src/access/key.js'
import type { Build } from './build.js'
import type { Program } from './child.js'
import { freePort, type ServerProgram } from './server.js'
import { temporaryFolder } from './temporary.js'

/** An account that only the sandbox of the benchmark knows. */
const account = { WECHAT_APPID: 'wx0123456789abcdef', WECHAT_APPSECRET: '0123456789abcdef0123456789abcdef' }

export const accessTokenPath = '/v1/default/access-token'

/** The hub as a stranger first starts it. */
export async function hubWithoutConfiguration({ app }: Build): Promise<ServerProgram> {
  return { file: app, path: '/healthz', env: { WECHAT_SANDBOX_PORT: String(await freePort()) } }
}

/** The hub with an account in the environment, and one client in `config/local.json`. */
export function hubOfAccount({ app }: Build, options: { key: string; apiDomain?: string }): ServerProgram {
  const { key, apiDomain = 'https://api.weixin.qq.com/' } = options
  const configFolder = join(temporaryFolder(), 'config')
  const client = { keyHash: hashKey(key), accounts: ['default'], scopes: ['token'] }
  mkdirSync(configFolder)
  writeFileSync(join(configFolder, 'local.json'), JSON.stringify({ clients: { shop: client } }))
  const token = { WECHAT_TOKEN: 'shopToken', WECHAT_API_DOMAIN: apiDomain }
  return { file: app, path: '/healthz', env: { ...account, ...token, NODE_CONFIG_DIR: configFolder } }
}

export function bareKoa(build: Build, answer = '{}'): ServerProgram {
  return { file: build.program('bare-koa'), path: accessTokenPath, env: { ANSWER: answer } }
}

export function bareNode(build: Build): Program {
  return { file: build.program('bare-node') }
}

export function sandbox(build: Build): Program {
  return { file: build.program('sandbox'), env: account, talks: true }
}

/** The same program, which then tells its CPU time when it is asked. */
export function withCpuProbe<P extends Program>(build: Build, program: P): P {
  return { ...program, talks: true, options: ['--import', build.program('cpu-probe')] }
}
