import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hashKey } from '../../src/access/key.js'
import type { Build } from './build.js'
import type { Program } from './child.js'
import { appID, appSecret, encodingAESKey, token } from './programs/account.js'
import { freePort, type ServerProgram } from './server.js'
import { temporaryFolder } from './temporary.js'

const account = { WECHAT_APPID: appID, WECHAT_APPSECRET: appSecret }

export const accessTokenPath = '/v1/default/access-token'

/** The hub as a stranger first starts it. */
export async function hubWithoutConfiguration({ app }: Build): Promise<ServerProgram> {
  return { file: app, path: '/healthz', env: { WECHAT_SANDBOX_PORT: String(await freePort()) } }
}

/** The hub with an account in the environment, and one client in `config/local.json`. */
export function hubOfAccount(
  { app }: Build,
  options: { key: string; apiDomain?: string; scopes?: readonly string[] },
): ServerProgram {
  const { key, apiDomain = 'https://api.weixin.qq.com/', scopes = ['token'] } = options
  const client = { keyHash: hashKey(key), accounts: ['default'], scopes }
  const configFolder = configured({ clients: { shop: client }, limits: { clientPerMinute: 1_000_000 } })
  const callback = { WECHAT_TOKEN: token, WECHAT_API_DOMAIN: apiDomain }
  return { file: app, path: '/healthz', env: { ...account, ...callback, NODE_CONFIG_DIR: configFolder } }
}

/** The hub with a mini program, on a data folder of before. */
export function hubWithSessions(
  { app }: Build,
  options: { key: string; apiDomain: string; dataDir: string },
): ServerProgram {
  const { key, apiDomain, dataDir } = options
  const client = { keyHash: hashKey(key), accounts: ['default'], scopes: ['session', 'token'] }
  const settings = { accounts: { default: { type: 'miniprogram' } }, clients: { shop: client }, dataDir }
  const configFolder = configured({ ...settings, limits: { clientPerMinute: 1_000_000 } })
  const env = { ...account, WECHAT_TOKEN: token, WECHAT_API_DOMAIN: apiDomain, NODE_CONFIG_DIR: configFolder }
  return { file: app, path: '/healthz', env }
}

/** The hub with an account in safe mode, whose pushes this back end answers. */
export function hubWithRoutes(
  { app }: Build,
  { to, format, observed }: { to: string; format: 'xml' | 'json'; observed: boolean },
): ServerProgram {
  const route = { to, format, ...(format === 'xml' ? { token } : { secret: 'a-secret-of-the-benchmarks' }) }
  const routes = observed ? [route, { ...route, observe: true }] : [route]
  const configFolder = configured({ accounts: { default: { appID, appSecret, token, encodingAESKey, routes } } })
  return { file: app, path: '/healthz', env: { NODE_CONFIG_DIR: configFolder } }
}

/** The hub with an account whose pages are on these domains. */
export function hubWithPages(
  { app }: Build,
  { apiDomain, jsDomains }: { apiDomain: string; jsDomains: readonly string[] },
): ServerProgram {
  const limits = { pagesPerMinute: 1_000_000 }
  const configFolder = configured({ accounts: { default: { appID, appSecret, token, jsDomains } }, limits })
  return { file: app, path: '/healthz', env: { WECHAT_API_DOMAIN: apiDomain, NODE_CONFIG_DIR: configFolder } }
}

export function backEnd(build: Build, format: 'xml' | 'json'): ServerProgram {
  return { file: build.program('back-end'), path: '/', env: { FORMAT: format } }
}

/** A Koa app whose pushes a handler answers by our middleware. */
export function ownCallback(build: Build, mode: 'plain' | 'safe'): ServerProgram {
  return { file: build.program('own-callback'), path: '/healthz', env: { MODE: mode } }
}

/** The same by that of co-wechat. */
export function coWechatCallback(build: Build, mode: 'plain' | 'safe'): ServerProgram {
  return { file: build.program('co-wechat-callback'), path: '/healthz', env: { MODE: mode } }
}

export function bareKoa(build: Build, answer = '{}'): ServerProgram {
  return { file: build.program('bare-koa'), path: accessTokenPath, env: { ANSWER: answer } }
}

/** A proxy that forwards everything to the upstream. */
export function forwarder(build: Build, name: 'fast-proxy' | 'http-proxy', upstream: string): ServerProgram {
  return { file: build.program(name), path: '/', env: { UPSTREAM: upstream } }
}

/** What stands for WeChat where its work must not count. */
export function upstream(build: Build): Program {
  return { file: build.program('upstream'), talks: true }
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

/** A folder with this `local.json`. */
function configured(settings: object): string {
  const folder = join(temporaryFolder(), 'config')
  mkdirSync(folder)
  writeFileSync(join(folder, 'local.json'), JSON.stringify(settings))
  return folder
}
