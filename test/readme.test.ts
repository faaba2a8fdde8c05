import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { knownSettings } from '../src/config/schema.js'
import { type Config, loadConfig } from '../src/config.js'
import { controls } from '../src/sandbox/control/controls.js'
import { faultKinds } from '../src/sandbox/faults.js'
import { reply } from '../src/wechat/reply.js'
import { RunningHub } from './support/running-hub.js'

interface Block {
  readonly language: string
  readonly code: string
}

interface Readme {
  readonly name: string
  readonly text: string
  /** Every table's rows, heads included, as their cells. */
  readonly rows: readonly (readonly string[])[]
  readonly blocks: readonly Block[]
}

const readmes = await Promise.all(['README.md', 'README.zh-CN.md'].map(readReadme))
const defaults = leaves(JSON.parse(await readFile('config/default.json', 'utf8')))
const variables = variablesOf(JSON.parse(await readFile('config/custom-environment-variables.json', 'utf8')))

let running: RunningHub

beforeAll(async () => {
  running = await RunningHub.start()
})

afterAll(() => running.close())

describe.each(readmes)('$name', (readme) => {
  it('has a row for every setting with its default', () => {
    expect(defaults.length).toBeGreaterThan(8)
    for (const [setting, value] of defaults) {
      expect([setting, plain(rowOf(readme, setting)[2] ?? '')]).toEqual([setting, plain(value)])
    }
  })

  it('has a row for every setting of the schema, and for no other', () => {
    const settings = knownSettings([]).flatMap((name) => {
      const isNamed = name === 'accounts' || name === 'clients'
      const inner = knownSettings([name]).map((field) => (isNamed ? `${name}.NAME.${field}` : `${name}.${field}`))
      return isNamed || inner.length === 0 ? [name, ...inner] : inner
    })
    const ofRoutes = knownSettings(['accounts', 'shop', 'routes', 0]).map((field) => `accounts.NAME.routes.N.${field}`)
    const table = readme.rows.filter(([first, ...others]) => /^`[^`]+`$/.test(first ?? '') && others.length === 3)
    expect(table.map(([first]) => plain(first ?? '')).sort()).toEqual([...settings, ...ofRoutes].sort())
  })

  it('names every environment variable beside its setting', () => {
    expect(variables.length).toBeGreaterThan(10)
    for (const [setting, variable] of variables) {
      const row = rowOf(readme, setting.replace('accounts.default.', 'accounts.NAME.'))
      expect([setting, plain(row[1] ?? '')]).toEqual([setting, variable])
    }
  })

  it('has a row for every route of the hub and of the sandbox, and for no other', () => {
    const routes = [...running.hub.routes, ...controls].map(({ method, path }) => `${method} ${path}`)
    const told = readme.rows.flatMap(([first]) => [...(first ?? '').matchAll(/`([A-Z]+ \/[^`]*)`/g)].map(([, r]) => r))
    expect(told.sort()).toEqual(routes.sort())
  })

  it('names every kind of fault', () => {
    const row = readme.rows.find(([first]) => first?.includes('`POST /sandbox/faults`'))
    expect([...(row?.[1] ?? '').matchAll(/`(\w+)`/g)].map(([, kind]) => kind)).toEqual([...faultKinds])
  })

  it('has a row for every metric, and for no other', async () => {
    const page = await (await running.request('/metrics')).text()
    const registered = [...page.matchAll(/^# TYPE (wechat_hub_\w+)/gm)].map(([, name]) => name ?? '')
    const ours = registered.filter((name) => !/^wechat_hub_(?:nodejs|process)_/.test(name))
    expect(ours.length).toBeGreaterThan(5)
    expect(ours.length).toBeLessThan(registered.length)
    expect(firstCells(readme, /^wechat_hub_/).sort()).toEqual(ours.sort())
  })

  it('has a row for every option of class Wechat', async () => {
    const options = fieldsOf('WechatOptions', await readFile('src/wechat/options.ts', 'utf8'))
    expect(options).toContain('appID')
    expect(options).toContain('onCall')
    const told = readme.rows.filter(({ length }) => length === 3).flatMap(([first]) => namesIn(first ?? ''))
    expect(options.filter((option) => !told.includes(option))).toEqual([])
  })

  it('has a row for every option of the callback', async () => {
    const options = fieldsOf('CallbackOptions', await readFile('src/callback/callback.ts', 'utf8'))
    expect(options).toContain('late')
    const told = readme.rows.filter(({ length }) => length === 3).flatMap(([first]) => namesIn(first ?? ''))
    expect(options.filter((option) => !told.includes(option))).toEqual([])
  })

  it('has a row for every kind of reply', () => {
    const told = readme.rows.flatMap((row) => /`reply\.(\w+)\(/.exec(row[2] ?? '')?.[1] ?? [])
    expect(told.sort()).toEqual(Object.keys(reply).sort())
  })

  it('has a row for every event of the log', async () => {
    const events = [
      ...(await found(/readonly type: '([\w-]+)'/g, 'src/wechat/credential-event.ts')),
      ...(await found(/readonly type: '([\w-]+)'/g, 'src/stores/level.ts')),
      ...(await found(/^ {4}case '([\w-]+)':/gm, 'src/callback/push-log.ts')).map((event) => `push-${event}`),
    ]
    expect(events).toEqual(expect.arrayContaining(['refreshed', 'store-set-aside', 'push-refused', 'push-not-sent']))
    const told = readme.rows.flatMap(([first]) => namesIn(first ?? ''))
    expect(events.filter((event) => !told.includes(event))).toEqual([])
  })

  it('has a row for every reason why a push is refused', async () => {
    const source = await readFile('src/callback/push-log.ts', 'utf8')
    const remedies = /remedies: [\s\S]*? = \{\n([\s\S]*?)\n\}/.exec(source)?.[1] ?? ''
    const reasons = [...remedies.matchAll(/^ {2}'?([\w-]+)'?:/gm)].map(([, reason]) => reason ?? '')
    expect(reasons).toContain('undecipherable')
    const told = readme.rows.flatMap(([first]) => namesIn(first ?? ''))
    expect(reasons.filter((reason) => !told.includes(reason))).toEqual([])
  })

  it('shows configurations that the hub takes', async () => {
    const configs = await Promise.all(configurationsIn(readme).map(configOf))
    expect(configs.map(({ clients }) => Object.keys(clients))).toContainEqual(['crm', 'prometheus'])
    expect(configs.map(({ accounts }) => Object.values(accounts)[0]?.routes.length)).toEqual([5, 1, 0])
  })

  it('shows a back end that answers what the hub passes on, and nobody else', async () => {
    const example = readme.blocks.find(({ language }) => language === 'js')?.code ?? ''
    const [{ routes = [] } = {}] = configurationsIn(readme).flatMap(({ accounts }) => accounts['default'] ?? [])
    const port = await freePort()
    const [{ secret = '' } = {}] = routes
    const backEnd = spawn(process.execPath, ['--input-type=module', '--eval', example], {
      env: { ...process.env, PORT: String(port), HUB_SECRET: secret },
      stdio: 'ignore',
    })
    const url = `http://127.0.0.1:${port}/bot`
    const route = { match: {}, to: url, observe: false, late: 'drop', timeout: 60, format: 'json', secret } as const
    const before = await RunningHub.start({ shop: { routes: [route] } })
    try {
      expect((await answerOf(url, { method: 'POST', body: '{"message":{"MsgType":"text"}}' })).status).toBe(401)
      const report = await before.sandbox.push({ message: { Content: 'hi' } })
      expect([report.result, report.reply?.['Content']]).toEqual(['reply', 'You said: hi'])
    } finally {
      await before.close()
      backEnd.kill()
      await once(backEnd, 'exit')
    }
  })

  it('links only to files that are there', async () => {
    const links = [...readme.text.matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(([, link]) => link ?? '')
    expect(links.length).toBeGreaterThan(0)
    for (const link of links) expect(await readFile(link, 'utf8')).not.toBe('')
  })
})

describe('the two READMEs', () => {
  it('have the same code, apart from comments and drawings', () => {
    const [english, chinese] = readmes.map(({ blocks }) =>
      blocks.filter(({ language }) => language !== 'mermaid').map(({ language, code }) => [language, bare(code)]),
    )
    expect(chinese).toEqual(english)
    expect(english?.length).toBeGreaterThan(10)
  })

  it('have the same sections, tables and drawings', () => {
    const [english, chinese] = readmes.map(({ text, rows, blocks }) => ({
      headings: [...text.matchAll(/^(#+) /gm)].map(([, level]) => level),
      widths: rows.map(({ length }) => length),
      drawings: blocks.filter(({ language }) => language === 'mermaid').length,
    }))
    expect(chinese).toEqual(english)
  })
})

describe('the TypeScript examples', () => {
  it('compile', async () => {
    const examples = readmes.flatMap(({ blocks }) => blocks.filter(({ language }) => language === 'ts'))
    expect(examples.length).toBeGreaterThan(4)
    expect(await complaintsOf(examples.map(({ code }) => code))).toBe('')
  })

  it('would not compile with an option that the package does not have', async () => {
    const wrong =
      "import { Wechat } from 'wechat-hub'\nexport const wechat = new Wechat({ appId: 'wx', appSecret: 's' })\n"
    expect(await complaintsOf([wrong])).toContain("'appId' does not exist in type 'WechatOptions'")
  })
})

async function readReadme(name: string): Promise<Readme> {
  const text = await readFile(name, 'utf8')
  const blocks: Block[] = []
  const prose = text.replaceAll(
    /^( *)```(\w+)\n([\s\S]*?)^ *```$/gm,
    (_all, indent: string, language: string, code: string) => {
      blocks.push({ language, code: code.replaceAll(new RegExp(`^${indent}`, 'gm'), '') })
      return ''
    },
  )
  const rows = [...prose.matchAll(/^ *\|(.*)\|$/gm)].map(([, row]) => (row ?? '').split('|').map((cell) => cell.trim()))
  return { name, text: prose, rows: rows.filter(([first]) => first !== '---'), blocks }
}

/** The row of the table of settings whose first cell is this name. */
function rowOf({ rows }: Readme, setting: string): readonly string[] {
  return rows.find(([first, ...others]) => first === `\`${setting}\`` && others.length === 3) ?? []
}

/** The first cells that are one name in backticks of this form. */
function firstCells({ rows }: Readme, form: RegExp): string[] {
  return rows.map(([first]) => plain(first ?? '')).filter((name) => form.test(name))
}

function namesIn(cell: string): string[] {
  return [...cell.matchAll(/`([\w-]+)`/g)].map(([, name]) => name ?? '')
}

function plain(cell: string): string {
  return cell.replaceAll('`', '').trim()
}

/** The code without the lines that are only a comment. */
function bare(code: string): string {
  return code.replaceAll(/^ *(?:#|\/\/).*\n/gm, '')
}

/** Every setting as its dot path, with its value as the READMEs write it. */
function leaves(value: unknown, path: readonly string[] = []): (readonly [string, string])[] {
  const isSection = typeof value === 'object' && value !== null && Object.keys(value).length > 0
  if (isSection) return Object.entries(value).flatMap(([name, inner]) => leaves(inner, [...path, name]))
  return [[path.join('.'), typeof value === 'string' ? value : JSON.stringify(value)]]
}

/** Every setting that an environment variable sets, with its name. */
function variablesOf(mapping: unknown): (readonly [string, string])[] {
  return leaves(mapping)
    .filter(([path]) => !path.endsWith('.__format'))
    .map(([path, name]) => [path.replace('.__name', ''), name])
}

/** The names of an interface's fields. */
function fieldsOf(name: string, source: string): string[] {
  const body = new RegExp(`export interface ${name} \\{\\n([\\s\\S]*?)\\n\\}`).exec(source)?.[1] ?? ''
  return [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, field]) => field ?? '')
}

/** What a pattern's group matches in a file. */
async function found(pattern: RegExp, file: string): Promise<string[]> {
  return [...(await readFile(file, 'utf8')).matchAll(pattern)].map(([, text]) => text ?? '')
}

interface Configuration {
  readonly accounts: Readonly<Record<string, { readonly routes?: readonly { readonly secret?: string }[] }>>
}

/** The examples of `local.json`. */
function configurationsIn({ blocks }: Readme): Configuration[] {
  const examples = blocks.filter(({ language, code }) => language === 'json' && code.includes('"accounts": {'))
  return examples.map(({ code }) => JSON.parse(code))
}

/** What the hub makes of a `local.json`. */
async function configOf(settings: Configuration): Promise<Config> {
  const folder = await mkdtemp(join(tmpdir(), 'wechat-hub-readme-'))
  try {
    await mkdir(join(folder, 'config'))
    await writeFile(join(folder, 'config', 'local.json'), JSON.stringify(settings))
    return loadConfig({ cwd: folder, env: { NODE_ENV: 'production' } })
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  return typeof address === 'object' ? (address?.port ?? 0) : 0
}

/** Asks until somebody listens there. */
async function answerOf(url: string, init: RequestInit): Promise<Response> {
  return fetch(url, init).catch(async () => {
    await new Promise((resolve) => setTimeout(resolve, 20))
    return answerOf(url, init)
  })
}

/** What the compiler says of examples, with our options and the package's sources as `wechat-hub`. */
async function complaintsOf(examples: readonly string[]): Promise<string> {
  const cache = resolve('node_modules/.cache')
  await mkdir(cache, { recursive: true })
  const folder = await mkdtemp(join(cache, 'readme-'))
  try {
    const files = examples.map((_code, index) => `example-${index}.mts`)
    await Promise.all(files.map((file, index) => writeFile(join(folder, file), examples[index] ?? '')))
    const compilerOptions = { paths: { 'wechat-hub': [resolve('src/index.ts')] }, noUnusedLocals: false }
    const project = { extends: resolve('tsconfig.json'), compilerOptions, include: [], files }
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(project))
    const compile = promisify(execFile)(process.execPath, [resolve('node_modules/typescript/bin/tsc'), '-p', folder])
    return await compile.then(
      ({ stdout }) => stdout,
      (error: { stdout: string }) => error.stdout,
    )
  } finally {
    await rm(folder, { recursive: true })
  }
}
