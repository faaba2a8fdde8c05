import { readFile } from 'node:fs/promises'

/** The browser helper, as it is served: it runs in pages, so it is no module of the hub's. */
export function readScript(): Promise<string> {
  return readFile(new URL('../clients/jssdk/wechat-hub.js', import.meta.url), 'utf8')
}
