import { exec } from 'node:child_process'
import { cp, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, expect, it } from 'vitest'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js'

const folder = temporaryFolder()

afterAll(() => removeFolder(folder))

it('is copied beside the compiled hub, with its types', async () => {
  const clients = join('src', 'clients', 'miniprogram')
  await cp(clients, join(folder, clients), { recursive: true })
  const { scripts, files } = JSON.parse(await readFile('package.json', 'utf8'))
  expect(scripts.build).toContain('npm run build:assets')
  expect(files).toContain('dist')
  await promisify(exec)(scripts['build:assets'], { cwd: folder })
  const built = await readdir(join(folder, 'dist', 'clients', 'miniprogram'))
  expect(built.sort()).toEqual(['wechat-hub.d.ts', 'wechat-hub.js'])
})
