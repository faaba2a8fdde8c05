import { type Browser, chromium } from 'playwright-core'
import { findProgram, remedy } from './debian-packages.js'
import { chromiumProgram } from './programs.js'

/** Hosts of the tests and the local port that answers for each, whatever the network says. */
export type Hosts = Readonly<Record<string, number>>

/** A browser for which nothing exists but this machine and the given hosts. */
export async function launchChromium(hosts: Hosts): Promise<Browser> {
  const executablePath = findProgram(chromiumProgram)
  if (executablePath === undefined) throw new Error(`The tests of pages need a browser: ${remedy(chromiumProgram)}`)
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
