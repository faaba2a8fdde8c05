import { execFile } from 'node:child_process'
import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { AppProcess } from '../support/app-process.js'

const run = promisify(execFile)
const repository = resolve('.')
const program = `
import { createServer } from 'node:http'
import Koa from 'koa'
import { callback, fileStore, Sandbox, sandboxAccount, Wechat } from 'wechat-hub'
const sandbox = new Sandbox({ accounts: [{ appID: sandboxAccount.appID, appSecret: sandboxAccount.appSecret }] })
const apiDomain = await sandbox.listen()
const wechat = new Wechat({ ...sandboxAccount, apiDomain, storage: fileStore('data').account(sandboxAccount.appID) })
const answer = await wechat.call('/cgi-bin/getcallbackip')
const app = new Koa()
app.use(callback(wechat))
createServer(app.callback())
console.log(JSON.stringify(Object.keys(answer)))
await wechat.close()
await sandbox.close()
`

let app: AppProcess
let packed: string

beforeAll(async () => {
  packed = await mkdtemp(join(tmpdir(), 'wechat-hub-pack-'))
  // Packed from a copy: `npm pack` builds, and other tests read the repository meanwhile.
  const copy = join(packed, 'copy')
  await cp(repository, copy, { recursive: true, filter: (path) => !/\/(node_modules|\.git|data)(\/|$)/.test(path) })
  await symlink(join(repository, 'node_modules'), join(copy, 'node_modules'))
  await run('npm', ['pack', '--pack-destination', packed], { cwd: copy })
  const { version } = JSON.parse(await readFile('package.json', 'utf8'))
  app = await AppProcess.inEmptyFolder()
  await writeFile(join(app.folder, 'package.json'), '{"private":true,"type":"module"}')
  const tarball = join(packed, `wechat-hub-${version}.tgz`)
  await run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', tarball], { cwd: app.folder })
}, 180_000)

afterAll(async () => {
  await app.remove()
  await rm(packed, { recursive: true, force: true })
})

it('runs where it was installed into an empty folder', async () => {
  const url = await app.listening({}, join(app.folder, 'node_modules/wechat-hub/dist/app.js'))
  expect(await (await fetch(`${url}/getAccessToken`)).json()).toMatchObject({ from: 'wechat' })
  app.signal('SIGTERM')
  expect(await app.ended()).toBe(0)
})

it('brings its command along', async () => {
  const command = join(app.folder, 'node_modules/.bin/wechat-hub')
  const { version } = JSON.parse(await readFile('package.json', 'utf8'))
  expect((await run(command, ['--version'], { cwd: app.folder })).stdout).toBe(`${version}\n`)
  const { stdout } = await run(command, ['client', 'add', 'crm', '--account', '*', '--scope', 'token'], {
    cwd: app.folder,
  })
  expect(stdout).toMatch(/^whk_\w{49}\n$/)
})

it('brings along the pages that its README points to', async () => {
  const installed = join(app.folder, 'node_modules/wechat-hub')
  for (const readme of ['README.md', 'README.zh-CN.md']) {
    const text = await readFile(join(installed, readme), 'utf8')
    const linked = [...text.matchAll(/\]\((docs\/[^)#]+)/g)].map(([, page]) => page ?? '')
    for (const page of linked) expect(await readFile(join(installed, page), 'utf8')).toContain('#')
  }
  expect(await readdir(join(installed, 'docs', 'sdk'))).toContain('README.md')
})

it('can be imported there', async () => {
  await writeFile(join(app.folder, 'program.mjs'), program)
  const { stdout } = await run(process.execPath, ['program.mjs'], { cwd: app.folder })
  expect(JSON.parse(stdout)).toEqual(['ip_list'])
})

it('brings its types along', async () => {
  await writeFile(join(app.folder, 'typed.ts'), program)
  const wrong = `import { Wechat } from 'wechat-hub'\nnew Wechat({ appID: 1 })\n`
  await writeFile(join(app.folder, 'wrong.ts'), wrong)
  const tsc = [join(repository, 'node_modules/typescript/bin/tsc'), '--noEmit', '--strict', '--skipLibCheck']
  const options = [...tsc, '--module', 'nodenext', '--target', 'es2023', '--types', 'node']
  await run(process.execPath, [...options, 'typed.ts'], { cwd: app.folder })
  await expect(run(process.execPath, [...options, 'wrong.ts'], { cwd: app.folder })).rejects.toMatchObject({
    stdout: expect.stringContaining('wrong.ts'),
  })
})
