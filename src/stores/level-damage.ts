import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { liveTables } from './level-manifest.js'
import { isSoundTable } from './level-table.js'

/** What is wrong with a LevelDB that it would not see itself when it opens. It sees what is wrong with its list of tables. */
export async function damageIn(path: string): Promise<string | undefined> {
  const names = await readdir(path)
  // LevelDB would begin anew, and remove what is there.
  if (!names.includes('CURRENT') && names.some((name) => /\.(ldb|log)$/.test(name))) return 'CURRENT is missing'
  for (const name of await liveTables(path)) {
    if (!(await isSoundTable(join(path, name)))) return `${name} is missing, or a checksum in it does not hold`
  }
  return undefined
}
