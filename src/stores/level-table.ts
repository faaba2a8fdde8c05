import { readFile } from 'node:fs/promises'
import { checksum, Reader, unsnap } from './level-format.js'

const footerSize = 48
const magic = Buffer.from('57fb808b247547db', 'hex')

interface Place {
  readonly offset: number
  readonly size: number
}

/**
 * Whether all checksums in a table hold (https://github.com/google/leveldb/blob/main/doc/table_format.md). LevelDB could
 * check them when it reads, but classic-level does not have it do so: it answers what it finds, and a table whose
 * keys are out of order ends the process.
 *
 * @throws what the disk refuses.
 */
export async function isSoundTable(path: string): Promise<boolean> {
  const table = await readFile(path).catch(noFile)
  if (table === undefined) return false
  try {
    return isSound(table)
  } catch {
    // A place outside of the file.
    return false
  }
}

function noFile(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT' && error.code !== 'EISDIR') throw error
}

function isSound(table: Buffer): boolean {
  if (!table.subarray(-magic.length).equals(magic)) return false
  const footer = new Reader(table.subarray(-footerSize))
  const indexes = [placeFrom(footer), placeFrom(footer)]
  if (!indexes.every((index) => holds(table, index))) return false
  return indexes.flatMap((index) => placesIn(contents(table, index))).every((place) => holds(table, place))
}

function placeFrom(reader: Reader): Place {
  return { offset: reader.varint(), size: reader.varint() }
}

/** Whether the checksum of a block is that of its bytes. */
function holds(table: Buffer, { offset, size }: Place): boolean {
  // It covers the byte that says how the block is compressed, too.
  return checksum(table.subarray(offset, offset + size + 1)) === table.readUInt32LE(offset + size + 1)
}

function contents(table: Buffer, { offset, size }: Place): Buffer {
  const stored = table.subarray(offset, offset + size)
  return table[offset + size] === 1 ? unsnap(stored) : stored
}

/** Where an index says that the blocks are: the first one, the filter and the like; the second one, the records. */
function placesIn(index: Buffer): Place[] {
  // Behind the entries lies where each of some begins, and how many those are.
  const starts = index.readUInt32LE(index.length - 4)
  const reader = new Reader(index.subarray(0, index.length - 4 * (starts + 1)))
  const places: Place[] = []
  while (!reader.ended) {
    reader.varint()
    const rest = reader.varint()
    const size = reader.varint()
    reader.take(rest)
    places.push(placeFrom(new Reader(reader.take(size))))
  }
  return places
}
