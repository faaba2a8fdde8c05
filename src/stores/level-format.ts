/** Reads what LevelDB writes. @throws {RangeError} at the end of the bytes. */
export class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get ended(): boolean {
    return this.#at >= this.#bytes.length
  }

  byte(): number {
    const byte = this.#bytes[this.#at]
    if (byte === undefined) throw new RangeError('unexpected end')
    this.#at += 1
    return byte
  }

  /** Seven bits a byte, the lowest first; the last byte is below 128. */
  varint(): number {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = this.byte()
      value += (byte & 127) * factor
      if (byte < 128) return value
    }
  }

  take(length: number): Buffer {
    const end = this.#at + length
    if (end > this.#bytes.length) throw new RangeError('unexpected end')
    const taken = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return taken
  }
}

/** LevelDB's checksum: CRC-32C, masked, so that it may lie among what another one covers. */
export function checksum(bytes: Buffer): number {
  let crc = -1
  for (let at = 0; at < bytes.length; at += 1) crc = (crcTable[(crc ^ (bytes[at] ?? 0)) & 255] ?? 0) ^ (crc >>> 8)
  const plain = ~crc >>> 0
  return (((plain >>> 15) | (plain << 17)) + 0xa282ead8) >>> 0
}

const crcTable = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  return crc
})

/** Decompresses Snappy (https://github.com/google/snappy/blob/main/format_description.txt). */
export function unsnap(packed: Buffer): Buffer {
  const reader = new Reader(packed)
  const plain = Buffer.alloc(reader.varint())
  let length = 0
  while (!reader.ended) {
    const tag = reader.byte()
    const kind = tag & 3
    if (kind === 0) {
      const short = tag >> 2
      const count = 1 + (short < 60 ? short : littleEndian(reader, short - 59))
      length += reader.take(count).copy(plain, length)
    } else {
      const count = kind === 1 ? 4 + ((tag >> 2) & 7) : 1 + (tag >> 2)
      const offset = kind === 1 ? (tag >> 5) * 256 + reader.byte() : littleEndian(reader, kind === 2 ? 2 : 4)
      // Byte by byte: a copy may overlap itself.
      for (const end = length + count; length < end; length += 1) plain[length] = plain[length - offset] ?? 0
    }
  }
  return plain
}

function littleEndian(reader: Reader, bytes: number): number {
  return reader.take(bytes).readUIntLE(0, bytes)
}
