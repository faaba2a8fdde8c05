import { readdirSync, realpathSync } from 'node:fs'
import { hostname } from 'node:os'
import { basename, delimiter, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Load, Util } from 'config/lib/util.js'
import { errorCode } from '../error-code.js'
import { type Fault, readableName } from './fault.js'

/** `config/` of the package, both from `src/config/` and from `dist/config/`. */
const ownFolder = fileURLToPath(new URL('../../config/', import.meta.url))

export interface Layers {
  /** All layers in one object, unchecked. */
  readonly raw: Record<string, unknown>
  /** Which environment variable sets which field, by dot path. */
  readonly variables: ReadonlyMap<string, string>
  readonly faults: readonly Fault[]
}

/** The package's defaults < the operator's files, as the `config` package orders them < the environment. */
export function readLayers(env: NodeJS.ProcessEnv, cwd: string): Layers {
  const faults: Fault[] = []
  const folders = operatorFolders(env, cwd, faults)
  const files = new Files(
    {
      configDir: folders.join(delimiter),
      nodeEnv: (env['NODE_CONFIG_ENV'] || env['NODE_ENV'] || 'development').split(','),
      hostName: env['HOSTNAME'] || hostname(),
      ...(env['NODE_APP_INSTANCE'] ? { appInstance: env['NODE_APP_INSTANCE'] } : {}),
      skipConfigSources: true,
    },
    faults,
  )
  files.loadFile(join(ownFolder, 'default.json'))
  if (folders.length > 0) Util.loadFileConfigs(files)
  const variables = new Map<string, string>()
  files.loadFile(join(ownFolder, 'custom-environment-variables.json'), (mapping) =>
    fromEnvironment(mapping, env, variables),
  )
  files.settle()
  return { raw: files.config, variables, faults }
}

/** Loads each file once, and notes a fault, in our own words, for one that cannot be used: the parsers' words quote it. */
class Files extends Load {
  readonly #loaded = new Set<string>()
  readonly #faults: Fault[]

  constructor(options: ConstructorParameters<typeof Load>[0], faults: Fault[]) {
    super(options)
    this.#faults = faults
  }

  override loadFile(file: string, convert: (content: unknown) => object = asSettings): null {
    try {
      const path = realpathSync(file)
      if (!this.#loaded.has(path)) super.loadFile(file, convert)
      this.#loaded.add(path)
    } catch (error) {
      this.#faults.push({ field: readableFile(file), ...explain(error) })
    }
    return null
  }

  /** Works out what a `.js` file has left for later. */
  settle(): void {
    try {
      Util.resolveDeferredConfigs(this.config)
    } catch {
      this.#faults.push({
        field: 'config',
        problem: 'a deferred value throws an error',
        remedy: 'correct the .js file',
      })
    }
  }
}

class NotSettings extends Error {}

function asSettings(content: unknown): object {
  if (typeof content !== 'object' || content === null || Array.isArray(content) || holdsProto(content)) {
    throw new NotSettings()
  }
  return content
}

/** A `__proto__` in a file would change every object of the process when the layers are merged. */
function holdsProto(value: unknown, depth = 0): boolean {
  if (typeof value !== 'object' || value === null || depth > 20) return false
  return Object.hasOwn(value, '__proto__') || Object.values(value).some((inner) => holdsProto(inner, depth + 1))
}

function explain(error: unknown): { problem: string; remedy: string } {
  if (error instanceof NotSettings) {
    return { problem: 'does not hold an object of settings', remedy: 'begin it with { and end it with }' }
  }
  const message = error instanceof Error ? error.message : ''
  const code = errorCode(error) ?? /Error code is: (E[A-Z]+)/.exec(message)?.[1]
  if (code !== undefined) {
    return { problem: `cannot be read (${code})`, remedy: 'let the user that runs the hub read it, or remove it' }
  }
  const position = / at (\d+):(\d+)$/.exec(message)
  const where = position ? `at line ${position[1]}, column ${position[2]}` : 'as a whole'
  return { problem: `cannot be understood ${where}`, remedy: 'correct it' }
}

function readableFile(file: string): string {
  const name = basename(file)
  return /^[\w.-]{1,80}$/.test(name) ? name : readableName(name)
}

function operatorFolders(env: NodeJS.ProcessEnv, cwd: string, faults: Fault[]): string[] {
  const named = env['NODE_CONFIG_DIR']
  const folders = named ? named.split(delimiter).filter(Boolean) : ['config']
  return folders.flatMap((folder) => {
    const path = resolve(cwd, folder)
    const code = unusable(path)
    if (code === undefined) return [path]
    if (!named && code === 'ENOENT') return []
    faults.push({
      field: named ? 'NODE_CONFIG_DIR' : 'config',
      problem: code === 'ENOENT' ? 'the folder does not exist' : `the folder cannot be read (${code})`,
      remedy: named ? 'set an existing folder, or unset it to use ./config' : 'let the user that runs the hub read it',
    })
    return []
  })
}

function unusable(folder: string): string | undefined {
  try {
    readdirSync(folder)
    return undefined
  } catch (error) {
    return errorCode(error) ?? 'unknown error'
  }
}

/** Turns the mapping (field -> variable) into the settings that the environment makes. An empty variable is unset. */
function fromEnvironment(mapping: unknown, env: NodeJS.ProcessEnv, variables: Map<string, string>): object {
  const settings = {}
  for (const { path, name, number } of leaves(mapping)) {
    variables.set(path.join('.'), name)
    const value = env[name]
    if (value) Util.setPath(settings, path, number ? strictNumber(value) : value)
  }
  return settings
}

interface Leaf {
  path: string[]
  name: string
  number: boolean
}

function leaves(mapping: unknown, path: string[] = []): Leaf[] {
  if (typeof mapping === 'string') return [{ path, name: mapping, number: false }]
  if (typeof mapping !== 'object' || mapping === null) return []
  if ('__name' in mapping) return [{ path, name: String(mapping.__name), number: true }]
  return Object.entries(mapping).flatMap(([key, inner]) => leaves(inner, [...path, key]))
}

/** Only plain digits are a number. Anything else stays a text, which the schema refuses. */
function strictNumber(value: string): number | string {
  return /^(?:0|[1-9]\d{0,8})$/.test(value) ? Number(value) : value
}
