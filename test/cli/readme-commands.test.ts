import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { runCli } from './run-cli.js'

/** The variables of "Connect a real account". */
const env = {
  NODE_ENV: 'production',
  WECHAT_APPID: 'wx0123456789abcdef',
  WECHAT_APPSECRET: '0123456789abcdef0123456789abcdef',
  WECHAT_TOKEN: 'myToken2026',
}

/** The commands for clients that the page tells a reader to run in the hub's folder, in their order. */
function commandsOf(text: string): string[][] {
  const found = [...text.matchAll(/^ *(?:KEY=\$\()?node dist\/cli\.js (client [^)\n]*)/gm)]
  return found.map(([, command = '']) =>
    [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([word, quoted]) => quoted ?? word),
  )
}

it.each(['README.md', 'README.zh-CN.md'])(
  'the commands of %s work one after the other, as they are written',
  async (name) => {
    const text = await readFile(name, 'utf8')
    for (const [variable, value] of Object.entries(env)) expect(text).toContain(`${variable}=${value}`)
    const commands = commandsOf(text)
    expect(commands.length).toBeGreaterThan(5)
    const folder = await mkdtemp(join(tmpdir(), 'wechat-hub-readme-'))
    try {
      for (const command of commands) {
        const { code, stderr } = await runCli(folder, command, env)
        expect([command, code === 0 ? '' : stderr]).toEqual([command, ''])
      }
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  },
)
