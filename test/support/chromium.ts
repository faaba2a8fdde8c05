import { execFileSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
const remedy = 'install Chromium (Debian: apt-get install chromium), or set CHROMIUM to its program'

/** Hosts of the tests and the local port that answers for each, whatever the network says. */
export type Hosts = Readonly<Record<string, number>>

/** The program, from `CHROMIUM` or the PATH. */
export function findChromium(env: NodeJS.ProcessEnv = process.env): string | undefined {
  if (env['CHROMIUM']) return env['CHROMIUM']
  const folders = (env['PATH'] ?? '').split(delimiter)
  return folders.flatMap((folder) => names.map((name) => join(folder, name))).find(isProgram)
}

/** For vitest: the tests of pages need it, and nothing of them may be skipped. Elsewhere those tests fail with the remedy. */
export default function setup(): void {
  const canInstall = process.getuid?.() === 0 && existsSync('/etc/debian_version')
  if (findChromium() !== undefined || !canInstall) return
  process.stderr.write('Chromium is missing: installing it for the tests of pages\n')
  const options = { stdio: 'inherit', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } } as const
  // Another run may be at it.
  const lock = ['-o', 'DPkg::Lock::Timeout=600']
  execFileSync('apt-get', [...lock, 'update'], options)
  execFileSync('apt-get', [...lock, 'install', '-y', '--no-install-recommends', 'chromium'], options)
}

/** A browser for which nothing exists but this machine and the given hosts. */
export async function launchChromium(hosts: Hosts): Promise<Browser> {
  const executablePath = findChromium()
  if (executablePath === undefined) throw new Error(`The tests of pages need a browser: ${remedy}`)
  const rules = Object.entries(hosts).map(([host, port]) => `MAP ${host} 127.0.0.1:${port}`)
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
      '--disable-features=HttpsUpgrades,HttpsFirstBalancedModeAutoEnable',
      `--host-resolver-rules=${[...rules, 'MAP * ~NOTFOUND', 'EXCLUDE 127.0.0.1', 'EXCLUDE localhost'].join(', ')}`,
    ],
  })
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
