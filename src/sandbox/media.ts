import { opaque } from './opaque.js'

export const mediaTypes = ['image', 'voice', 'video', 'thumb'] as const
export type MediaType = (typeof mediaTypes)[number]

/** All files together may have so many bytes; the oldest go first. */
const room = 256 * 1024 * 1024

/** A file that was uploaded. */
export interface MediaFile {
  readonly appid: string
  readonly type: MediaType
  readonly filename: string
  readonly content_type: string
  readonly bytes: Buffer
}

/** The temporary media of every account, in memory. */
export class Media {
  readonly #files = new Map<string, MediaFile>()
  #size = 0

  /** The new file's media_id, 64 characters. */
  add(file: MediaFile): string {
    const mediaID = opaque(48)
    this.#files.set(mediaID, file)
    this.#size += file.bytes.length
    this.#makeRoom()
    return mediaID
  }

  /** A file of another account is not found. */
  get(appID: string, mediaID: string): MediaFile | undefined {
    const file = this.#files.get(mediaID)
    return file?.appid === appID ? file : undefined
  }

  #makeRoom(): void {
    for (const [mediaID, file] of this.#files) {
      if (this.#size <= room) return
      this.#files.delete(mediaID)
      this.#size -= file.bytes.length
    }
  }
}
