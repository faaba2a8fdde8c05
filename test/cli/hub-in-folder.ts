import { loadConfig } from '../../src/config.js'
import { listen } from '../../src/http/server.js'
import { createHub } from '../../src/hub.js'
import type { ConfiguredFolder } from './configured-folder.js'

/** A hub with the configuration of a folder, in this process. */
export interface HubInFolder {
  readonly url: string
  /** As a caller with this key, or with none. */
  request(path: string, init?: RequestInit & { readonly key?: string }): Promise<Response>
  close(): Promise<void>
}

export async function startHub(folder: ConfiguredFolder, env: NodeJS.ProcessEnv = {}): Promise<HubInFolder> {
  const config = loadConfig({ cwd: folder.path, env })
  const hub = await createHub(config, { logDestination: { write: () => undefined } })
  const server = await listen(hub.handler, { port: 0, host: '127.0.0.1' })
  const url = `http://127.0.0.1:${server.port}`
  return {
    url,
    request(path, { key, ...init } = {}) {
      const headers = new Headers(init.headers)
      if (key !== undefined) headers.set('authorization', `Bearer ${key}`)
      return fetch(`${url}${path}`, { ...init, headers })
    },
    async close() {
      await server.drain()
      await hub.close()
    },
  }
}
