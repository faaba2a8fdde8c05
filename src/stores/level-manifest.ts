import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Reader } from './level-format.js'

const blockSize = 32 * 1024
const headerSize = 7

/**
 * The names of the tables that make up a LevelDB; others in its folder are left from work that a kill cut short. As far as the
 * list can be read: LevelDB itself checks it when it opens.
 */
export async function liveTables(path: string): Promise<string[]> {
  const live = new Set<number>()
  try {
    const manifest = (await readFile(join(path, 'CURRENT'), 'utf8')).trim()
    for (const record of recordsOf(await readFile(join(path, manifest)))) apply(record, live)
  } catch {
    // Missing or cut short.
  }
  return [...live].map((number) => `${String(number).padStart(6, '0')}.ldb`)
}

/** https://github.com/google/leveldb/blob/main/doc/log_format.md */
function* recordsOf(log: Buffer): Generator<Buffer> {
  let pieces: Buffer[] = []
  for (let block = 0; block < log.length; block += blockSize) {
    const end = Math.min(log.length, block + blockSize)
    for (let at = block; at + headerSize <= end; ) {
      const length = log.readUInt16LE(at + 4)
      const type = log.readUInt8(at + 6)
      const [whole, first, last] = [type === 1, type === 2, type === 4]
      const piece = log.subarray(at + headerSize, at + headerSize + length)
      pieces = whole || first ? [piece] : [...pieces, piece]
      if (whole || last) yield Buffer.concat(pieces)
      at += headerSize + length
    }
  }
}

/** One change of the list of tables (db/version_edit.cc). */
function apply(edit: Buffer, live: Set<number>): void {
  const reader = new Reader(edit)
  const text = () => reader.take(reader.varint())
  while (!reader.ended) {
    const tag = reader.varint()
    if (tag === 1) text()
    else if (tag === 5) {
      reader.varint()
      text()
    } else if (tag === 6) {
      reader.varint()
      live.delete(reader.varint())
    } else if (tag === 7) {
      reader.varint()
      live.add(reader.varint())
      reader.varint()
      text()
      text()
    } else reader.varint()
  }
}
