import { readFile } from 'node:fs/promises'
import { type Control, Shown } from '../control/control.js'

/** In place of WeChat's own script, in any browser. With `?client=ios` it goes by the first URL of the page, as iOS does. */
export const jweixin: Control = {
  method: 'GET',
  path: '/sandbox/jweixin.js',
  about: "a stand-in for WeChat's script in pages: wx.config asks the sandbox",
  run: async () => new Shown(await textOf('jweixin-stand-in.js'), 'text/javascript; charset=utf-8'),
}

function textOf(file: string): Promise<string> {
  return readFile(new URL(file, import.meta.url), 'utf8')
}
