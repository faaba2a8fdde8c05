import { resolve } from 'node:path'
import { crossChecks } from './cross-checks.js'
import { ConfigError, type Fault } from './fault.js'
import { faultsOfIssues } from './issues.js'
import { readLayers } from './layers.js'
import { type Config, configSchema } from './schema.js'

export interface LoadOptions {
  /** Default `process.env`. */
  readonly env?: NodeJS.ProcessEnv
  /** What relative paths start from. Default: the working folder. */
  readonly cwd?: string
}

/**
 * The hub's configuration, checked and frozen: the package's `config/default.json` < the operator's folder
 * (`NODE_CONFIG_DIR`, else `./config`) < the environment.
 * @throws ConfigError with all faults at once, and without a value.
 */
export function loadConfig({ env = process.env, cwd = process.cwd() }: LoadOptions = {}): Config {
  const { raw, variables, faults } = readLayers(env, cwd)
  const checked = configSchema.safeParse(raw)
  const found = [
    ...faults,
    ...faultsOfIssues(checked.error?.issues ?? [], raw),
    ...crossChecks(raw, env['NODE_ENV'] === 'production'),
  ]
  if (!checked.success || found.length > 0) throw new ConfigError(found.map((fault) => withVariable(fault, variables)))
  return frozen({ ...checked.data, dataDir: resolve(cwd, checked.data.dataDir) })
}

/** Names the environment variable of a field; that of `token` for `token.0` too. */
function withVariable(fault: Fault, variables: ReadonlyMap<string, string>): Fault {
  const variable = fault.variable ?? variables.get(fault.field.replace(/\.\d+$/, ''))
  return variable === undefined ? fault : { ...fault, variable }
}

function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  for (const inner of Object.values(value)) frozen(inner)
  return Object.freeze(value)
}
