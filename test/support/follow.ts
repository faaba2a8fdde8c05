import type { Storage } from '../../src/wechat/storage.js'

/** Reads a record whenever the storage tells that it may have changed. What can't be read then is told of again. */
export function follow(storage: Storage, name: string, read: (record: unknown) => void): void {
  storage.watch?.(name, () => {
    storage.read(name).then(read, () => undefined)
  })
}
