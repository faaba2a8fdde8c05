import { execFileSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** A program that npm cannot bring. */
export interface Program {
  readonly title: string
  /** What it is called on the PATH, the preferred name first. */
  readonly names: readonly string[]
  /** Names its file in the environment, whatever the PATH has. */
  readonly variable: string
  /** Has it on Debian, and starts no service. */
  readonly debianPackage: string
}

/** Its file, from the environment or the PATH. */
export function findProgram({ names, variable }: Program, env: NodeJS.ProcessEnv = process.env): string | undefined {
  if (env[variable]) return env[variable]
  const folders = (env['PATH'] ?? '').split(delimiter)
  return folders.flatMap((folder) => names.map((name) => join(folder, name))).find(isProgram)
}

/** What to do where the program is missing. */
export function remedy({ title, variable, debianPackage }: Program): string {
  return `install ${title} (Debian: apt-get install ${debianPackage}), or set ${variable} to its program`
}

/** Installs as root on Debian what is missing; elsewhere nothing. */
export function installMissing(programs: readonly Program[]): void {
  const missing = programs.filter((program) => findProgram(program) === undefined)
  const canInstall = process.getuid?.() === 0 && existsSync('/etc/debian_version')
  if (missing.length === 0 || !canInstall) return
  process.stderr.write(`Installing for the tests: ${missing.map(({ title }) => title).join(', ')}\n`)
  const options = { stdio: 'inherit', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } } as const
  // Another run may be at it.
  const lock = ['-o', 'DPkg::Lock::Timeout=600']
  const packages = missing.map(({ debianPackage }) => debianPackage)
  execFileSync('apt-get', [...lock, 'update'], options)
  execFileSync('apt-get', [...lock, 'install', '-y', '--no-install-recommends', ...packages], options)
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
