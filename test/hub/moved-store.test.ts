import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { writeMark } from '../../src/move/mark.js'
import { localText } from '../../src/stores/local-stores.js'
import { RunningHub } from '../support/running-hub.js'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js'

let dataDir: string

beforeEach(() => {
  dataDir = temporaryFolder()
})

afterEach(() => removeFolder(dataDir))

const mark = (state: 'copying' | 'here' | 'moved') =>
  writeMark({ text: (name) => localText(dataDir, name) }, state, 'the Redis at redis.internal:6379')

it.each([
  ['moved', 'was moved to the Redis at redis.internal:6379'],
  ['copying', 'is being copied from the Redis at redis.internal:6379'],
] as const)('a hub does not start on a store that says "%s", until somebody insists', async (state, says) => {
  await mark(state)
  const refusal = await RunningHub.start({ dataDir }).catch((error: unknown) => error)
  expect(refusal).toMatchObject({ code: 'STORE_MOVED', message: expect.stringContaining(says) })
  expect(String(refusal)).toContain(join(dataDir, 'move.json'))
  await rm(join(dataDir, 'move.json'))
  await (await RunningHub.start({ dataDir })).close()
})

it('a hub starts on a store that was moved here', async () => {
  await mark('here')
  await (await RunningHub.start({ dataDir })).close()
})
