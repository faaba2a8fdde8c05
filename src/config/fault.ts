/** One thing wrong with the configuration. Never holds the value, which may be a secret. */
export interface Fault {
  /** Where: a dot path such as `accounts.shop.appID`, the name of a file, or that of an environment variable. */
  readonly field: string
  /** The environment variable that the field comes from, or could come from. */
  readonly variable?: string
  /** What is wrong. */
  readonly problem: string
  /** What to do. */
  readonly remedy: string
}

/** The configuration cannot be used. The message lists every fault on a line of its own. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly faults: readonly Fault[]

  constructor(faults: readonly Fault[]) {
    super(['The configuration cannot be used:', ...faults.map((fault) => `  ${sentence(fault)}`)].join('\n'))
    this.faults = faults
  }
}

function sentence({ field, variable, problem, remedy }: Fault): string {
  const where = variable === undefined || variable === field ? field : `${field} (${variable})`
  return `${where}: ${problem}; ${remedy}`
}

/** A path as the operator reads it. A name with anything unusual in it is quoted and cut, so that it stays on its line. */
export function dotPath(path: readonly PropertyKey[]): string {
  return path.map((name) => readableName(String(name))).join('.')
}

export function readableName(name: string): string {
  if (/^[A-Za-z0-9_-]{1,40}$/.test(name)) return name
  return JSON.stringify(name.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?').slice(0, 24))
}
