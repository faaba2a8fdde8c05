import { randomBytes } from 'node:crypto'
import { chmod, mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode } from '../error-code.js'
import { ConfigError } from './fault.js'

const reasons: Readonly<Record<string, { problem: string; remedy: string }>> = {
  EACCES: {
    problem: 'the hub may not write there (EACCES)',
    remedy: 'give the folder to the user that runs the hub, or set another one',
  },
  EPERM: {
    problem: 'the hub may not write there (EPERM)',
    remedy: 'give the folder to the user that runs the hub, or set another one',
  },
  EROFS: {
    problem: 'the file system is mounted read-only (EROFS)',
    remedy: 'mount a writable volume, or set another folder',
  },
  ENOTDIR: {
    problem: 'a file is in the way: the path, or a part of it, is not a folder (ENOTDIR)',
    remedy: 'move that file away, or set another folder',
  },
  ENOSPC: { problem: 'the disk is full (ENOSPC)', remedy: 'free some space, or set another folder' },
  EDQUOT: { problem: 'the disk quota is used up (EDQUOT)', remedy: 'free some space, or set another folder' },
}

/**
 * Makes the data folder if need be (mode 0700, with the folders above it) and proves that files can be written there: a
 * hub that cannot keep a token would burn the day's quota of them.
 * @throws ConfigError naming `dataDir`, with the reason in words.
 */
export async function checkDataDir(dir: string): Promise<void> {
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 })
    // Not ours to close (EPERM) is no fault: the folders in it are.
    await chmod(dir, 0o700).catch(() => undefined)
    await probe(join(dir, `.probe-${process.pid}-${randomBytes(4).toString('hex')}`))
  } catch (error) {
    throw new ConfigError([{ field: 'dataDir', variable: 'WECHAT_HUB_DATA', ...explain(error) }])
  }
}

async function probe(file: string): Promise<void> {
  const handle = await open(file, 'wx', 0o600)
  try {
    await handle.writeFile('probe')
    await handle.sync()
  } finally {
    await handle.close()
    await rm(file, { force: true })
  }
}

function explain(error: unknown): { problem: string; remedy: string } {
  const code = errorCode(error) ?? 'unknown error'
  // mkdir says EEXIST where the path itself is a file.
  return (
    reasons[code === 'EEXIST' ? 'ENOTDIR' : code] ?? {
      problem: `no file can be written there (${code})`,
      remedy: 'set a folder that the hub can write to',
    }
  )
}
