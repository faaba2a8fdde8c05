import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync, readSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { BlockOutput } from '../../src/ops/log-output.js'
import { temporaryFolder } from '../support/temporary-folder.js'

it('ends though its reader has stopped reading', async () => {
  const folder = temporaryFolder()
  const pipe = join(folder, 'pipe')
  execFileSync('mkfifo', [pipe])
  const fd = openSync(pipe, constants.O_RDWR)
  const output = new BlockOutput(fd)
  // More than a pipe holds: the write waits for a reader that does not come.
  const length = 200_000
  output.write('x'.repeat(length))
  await output.close()
  // The thread that writes is let go.
  const buffer = Buffer.alloc(length)
  let read = 0
  while (read < length) read += readSync(fd, buffer, 0, length, null)
  expect(read).toBe(length)
  closeSync(fd)
  rmSync(folder, { recursive: true })
})
