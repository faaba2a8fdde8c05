import { execFile, execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { built } from '../support/built.js'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js'

const writers = 4
const linesEach = 2000
const program = `
import { createLog } from ${JSON.stringify(built('src/ops/log.ts'))}
import { becomeWorker } from ${JSON.stringify(built('src/workers/this-worker.ts'))}
const number = Number(process.argv[1])
const peers = { answerFrom() {}, all: () => Promise.reject(new Error('none')) }
becomeWorker({ number, peers })
const log = createLog({ level: 'info', secrets: { redact: (text) => text } })
for (let i = 0; i < ${linesEach}; i += 1) {
  log.log.info({ i, text: 'x'.repeat(i % 700) }, 'line')
  log.request('info', { requestId: 'a', method: 'GET', path: '/', status: 200, ms: 1, client: undefined, account: undefined, remote: '::1', aborted: false })
  if (i % 50 === 0) await new Promise((done) => setImmediate(done))
}
// It ends when all is written: to close the log would wait half a second for a reader.
`

it('keeps the lines of several workers whole in one pipe, and says whose they are', async () => {
  const folder = temporaryFolder()
  const pipe = join(folder, 'pipe')
  execFileSync('mkfifo', [pipe])
  const start = `node --input-type=module --eval "$PROGRAM"`
  const all = Array.from({ length: writers }, (_, index) => `${start} ${index + 1} > ${pipe} &`).join(' ')
  // Read slowly, so that the pipe is full and each writer has to wait.
  const script = `${all} dd bs=200 status=none < ${pipe}; wait`
  const { stdout } = await promisify(execFile)('sh', ['-c', script], {
    maxBuffer: 1e8,
    env: { ...process.env, PROGRAM: program },
  })
  removeFolder(folder)
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  for (let writer = 1; writer <= writers; writer += 1) {
    const own = lines.filter(({ worker }) => worker === writer)
    expect(own.filter(({ msg }) => msg === 'line').map(({ i }) => i)).toEqual(
      Array.from({ length: linesEach }, (_, i) => i),
    )
    expect(own.filter(({ msg }) => msg === 'request')).toHaveLength(linesEach)
  }
}, 120_000)
