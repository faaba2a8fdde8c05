import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type Build, build } from './build.js'
import { Child } from './child.js'
import { compatibleToken } from './compatible-token.js'
import type { Figure } from './figure.js'
import { gateway } from './gateway.js'
import { httpCost } from './http-cost.js'
import { idleMemory } from './idle-memory.js'
import { inProcess } from './in-process.js'
import { machine } from './machine.js'
import { pageSignature } from './page-signature.js'
import { pushInProcess } from './push-in-process.js'
import { pushOverHttp } from './push-over-http.js'
import { routedPush } from './routed-push.js'
import { sessions } from './sessions.js'
import { start } from './start.js'
import { table } from './table.js'
import { removeTemporaryFolders } from './temporary.js'

/** `npm run bench -- [--json FILE] [--only WORD]`. Exits with 0 unless something could not be measured. */
const { values: options } = parseArgs({ options: { json: { type: 'string' }, only: { type: 'string', default: '' } } })

const longestRun = 1_200_000
const measurements: Readonly<Record<string, (build: Build) => Promise<Figure | Figure[]>>> = {
  'access-token over HTTP': httpCost,
  'token over HTTP, as SDKs fetch it': compatibleToken,
  'page signatures': pageSignature,
  'calls through the gateway': gateway,
  'fetchAccessToken in process': inProcess,
  start,
  'idle memory': idleMemory,
  'pushes over HTTP': pushOverHttp,
  'pushes in process': pushInProcess,
  'routed pushes': routedPush,
  sessions,
}

async function main(): Promise<void> {
  const place = machine()
  process.stdout.write(`Node ${place.node}, ${place.cores} cores of ${place.cpu}, load ${place.load.toFixed(2)}\n`)
  const built = await build()
  const figures: Figure[] = []
  const failures: Record<string, string> = {}
  const wanted = Object.entries(measurements).filter(([name]) => name.includes(options.only))
  for (const [name, measure] of wanted) {
    try {
      process.stderr.write(`measuring ${name}\n`)
      figures.push(...[await measure(built)].flat())
    } catch (error) {
      failures[name] = error instanceof Error ? error.message : String(error)
    }
  }
  process.stdout.write(table(figures))
  for (const [name, reason] of Object.entries(failures)) {
    process.stdout.write(`${name} could not be measured: ${reason}\n`)
    process.exitCode = 1
  }
  if (options.json !== undefined) {
    writeFileSync(options.json, `${JSON.stringify({ machine: place, figures, failures }, null, 2)}\n`)
  }
}

function fail(reason: string): never {
  process.stderr.write(`${reason}\n`)
  process.exit(1)
}

process.once('exit', () => {
  Child.killAll()
  removeTemporaryFolders()
})
process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))
setTimeout(() => fail(`The benchmark took more than ${longestRun / 1000} s`), longestRun).unref()
await main().catch((error: unknown) => fail(String(error instanceof Error ? error.message : error)))
