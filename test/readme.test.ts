import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { knownSettings } from '../src/config/schema.js'
import { loadConfig } from '../src/config.js'
import { controls } from '../src/sandbox/control/controls.js'
import { faultKinds } from '../src/sandbox/faults.js'
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
    const table = readme.rows.filter(([first, ...others]) => /^`[^`]+`$/.test(first ?? '') && others.length === 3)
    expect(table.map(([first]) => plain(first ?? '')).sort()).toEqual(settings.sort())
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

  it('has a row for every event of the log', async () => {
    const source = await readFile('src/wechat/credential-event.ts', 'utf8')
    const events = [...source.matchAll(/readonly type: '([\w-]+)'/g)].map(([, event]) => event ?? '')
    expect(events.length).toBeGreaterThan(5)
    const told = readme.rows.flatMap(([first]) => namesIn(first ?? ''))
    expect(events.filter((event) => !told.includes(event))).toEqual([])
  })

  it('shows a configuration that the hub takes', async () => {
    const example = readme.blocks.find(({ language, code }) => language === 'json' && code.includes('"clients"'))
    const folder = await mkdtemp(join(tmpdir(), 'wechat-hub-readme-'))
    try {
      await mkdir(join(folder, 'config'))
      await writeFile(join(folder, 'config', 'local.json'), example?.code ?? '')
      const config = loadConfig({ cwd: folder, env: { NODE_ENV: 'production' } })
      expect(Object.keys(config.clients)).toEqual(['crm', 'prometheus'])
    } finally {
      await rm(folder, { recursive: true })
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
