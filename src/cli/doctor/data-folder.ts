import { randomBytes } from 'node:crypto'
import { type Dirent, statSync } from 'node:fs'
import { readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../../config.js'
import { errorCode } from '../../error-code.js'
import type { Finding } from './finding.js'

/** How many files with wrong modes are named. */
const mostNamed = 5

/** The folder that holds the hub's state, or with Redis only its audit log: there, writable, closed to others. */
export async function examineDataFolder(config: Config): Promise<Finding[]> {
  const { dataDir } = config
  const found = statSync(dataDir, { throwIfNoEntry: false })
  if (found === undefined) return [noFolder(dataDir)]
  return [await writable(dataDir), await modes(dataDir)]
}

function noFolder(dataDir: string): Finding {
  return {
    check: 'data folder',
    result: 'warning',
    what: `there is no ${dataDir}: no hub has run with it`,
    remedy:
      'If one has, set WECHAT_HUB_DATA and the working folder as the hub has them. Else its first start makes it.',
  }
}

async function writable(dataDir: string): Promise<Finding> {
  const check = 'data folder'
  const probe = join(dataDir, `.probe-${process.pid}-${randomBytes(4).toString('hex')}`)
  try {
    await writeFile(probe, 'probe', { flag: 'wx', mode: 0o600, flush: true })
    return { check, result: 'ok', what: `${dataDir} can be written` }
  } catch (error) {
    const what = `${dataDir} cannot be written (${errorCode(error) ?? 'unknown error'})`
    const remedy = 'Give the folder to the user that runs the hub, or see whether the disk is full or read-only.'
    return { check, result: 'wrong', what, remedy }
  } finally {
    await rm(probe, { force: true }).catch(() => undefined)
  }
}

/** P6: files that hold secrets have mode 0600, their folders 0700. */
async function modes(dataDir: string): Promise<Finding> {
  const check = 'modes'
  try {
    const entries = await readdir(dataDir, { recursive: true, withFileTypes: true })
    const paths = [dataDir, ...entries.filter(isOfHub).map((entry) => join(entry.parentPath, entry.name))]
    const open = paths.filter((path) => ((statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o077) !== 0)
    if (open.length === 0)
      return { check, result: 'ok', what: `closed to other users (${paths.length} files and folders)` }
    const more = open.length > mostNamed ? ` and ${open.length - mostNamed} more` : ''
    const named = `${open.slice(0, mostNamed).join(', ')}${more}`
    const remedy = `chmod -R go= ${JSON.stringify(dataDir)}`
    return { check, result: 'wrong', what: `open to other users: ${named}`, remedy }
  } catch (error) {
    return { check, result: 'unknown', what: `the folder cannot be read (${errorCode(error) ?? 'unknown error'})` }
  }
}

function isOfHub(entry: Dirent): boolean {
  return entry.isFile() || entry.isDirectory()
}
