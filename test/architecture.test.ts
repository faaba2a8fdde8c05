import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = resolve('src')
const features = ['callback', 'broker', 'gateway', 'jssdk', 'sessions', 'access', 'ops']

/** Each imports nothing of ours. */
const leaves = ['error-code.ts', 'error-log.ts']

/** What features have in common. */
const common = ['wechat', 'stores', 'http', 'accounts.ts', ...leaves]

/** What a room may import, besides itself. `wechat` <- `stores` <- features <- `hub` <- `app`; `http` serves the features. */
const allowed: Record<string, readonly string[]> = {
  wechat: [],
  http: ['wechat', 'stores/store.ts'],
  'accounts.ts': ['wechat'],
  stores: ['wechat', 'error-code.ts'],
  sandbox: ['wechat/signature.ts', 'wechat/envelope.ts'],
  clients: [],
  config: ['http', 'access/scope.ts', 'access/key.ts', 'linear-regex.ts', 'error-code.ts', 'stores/redis/url.ts'],
  'config.ts': ['config'],
  ...Object.fromEntries(features.map((feature) => [feature, common])),
  callback: [...common, 'linear-regex.ts'],
  // One of several processes leaves there what it is, before the hub that asks for it is built.
  ops: [...common, 'workers/this-worker.ts'],
  // The rooms of `hub.ts`, in which the features meet.
  hub: [...features, 'wechat', 'stores', 'http', 'accounts.ts', 'config.ts', 'move/expect-here.ts', 'sandboxed.ts'],
  workers: ['wechat', 'stores', 'http', 'access', 'config', 'config.ts', 'ops', 'hub.ts'],
  move: ['wechat', 'stores', 'sessions', 'error-code.ts'],
  cli: [
    'wechat',
    'stores',
    'http',
    'access',
    'move',
    'sessions/session-keys.ts',
    'config',
    'config.ts',
    'error-code.ts',
    'ops/audit.ts',
    'ops/log-redaction.ts',
    'sandbox/built-in-account.ts',
  ],
}
const knowsAll = ['hub.ts', 'sandboxed.ts', 'app.ts', 'index.ts', 'cli.ts']

/** The one importer of each dependency that must not leak into the rest. */
const soleImporters: Record<string, string> = {
  '@redis/client': 'stores/redis/driver.ts',
  commander: 'cli.ts',
  got: 'wechat/api.ts',
  'koa-router': 'http/router.ts',
  'node:cluster': 'workers/fork.ts',
  pino: 'ops/log.ts',
  re2js: 'linear-regex.ts',
}

describe('the direction of dependency', async () => {
  const files = await sources()
  const imports = (await Promise.all(files.map(importsOf))).flat()

  it('was read from all sources', () => {
    expect(files.length).toBeGreaterThan(40)
    expect(imports.length).toBeGreaterThan(files.length)
  })

  it('goes one way', () => {
    const wrong = imports.filter(({ from, to }) => to.startsWith('.') && !mayImport(from, resolvedFrom(from, to)))
    expect(wrong.map(({ from, to }) => `${from} imports ${resolvedFrom(from, to)}`)).toEqual([])
  })

  it('knows no cycle', () => {
    const edges = new Map<string, string[]>()
    for (const { from, to, typeOnly } of imports) {
      if (to.startsWith('.') && !typeOnly) edges.set(from, [...(edges.get(from) ?? []), resolvedFrom(from, to)])
    }
    expect(files.flatMap((file) => cycleFrom(relative(root, file), edges))).toEqual([])
  })

  it.each(Object.entries(soleImporters))('lets only one file import %s', (library, file) => {
    const importers = imports.filter(
      ({ from, to, typeOnly }) => to === library && !typeOnly && !from.startsWith('sandbox/'),
    )
    expect(new Set(importers.map(({ from }) => from))).toEqual(new Set([file]))
  })
})

function mayImport(from: string, to: string): boolean {
  const room = roomOf(from)
  if (knowsAll.includes(from) || roomOf(to) === room) return true
  return (allowed[room] ?? []).some((other) => to === other || to.startsWith(`${other}/`))
}

function roomOf(file: string): string {
  return file.split('/')[0] ?? file
}

function resolvedFrom(from: string, to: string): string {
  return join(dirname(from), to).replace(/\.js$/, '.ts')
}

async function sources(): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.name.endsWith('.ts')).map((entry) => join(entry.parentPath, entry.name))
}

async function importsOf(file: string): Promise<{ from: string; to: string; typeOnly: boolean }[]> {
  const text = await readFile(file, 'utf8')
  const found = [
    ...text.matchAll(/^(import|export)( type)? (?:[^'"]*? from )?'([^']+)'/gms),
    ...text.matchAll(/(import)( type)?\('([^']+)'\)/g),
  ]
  return found.map(([, , type, to]) => ({ from: relative(root, file), to: to ?? '', typeOnly: type !== undefined }))
}

function cycleFrom(start: string, edges: Map<string, string[]>): string[] {
  const walk = (at: string, path: string[]): string[] => {
    for (const next of edges.get(at) ?? []) {
      if (next === start) return [[...path, next].join(' -> ')]
      if (!path.includes(next)) {
        const found = walk(next, [...path, next])
        if (found.length > 0) return found
      }
    }
    return []
  }
  return walk(start, [start])
}
