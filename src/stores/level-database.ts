/** What is used of classic-level and memory-level. */
export interface Database {
  getSync(key: string): string | undefined
  hasMany(keys: string[]): Promise<boolean[]>
  batch(operations: Operation[]): Promise<void>
  keys(range: { gte?: string; lt?: string; limit?: number }): Rows<string>
  iterator(range: { gte?: Buffer; gt?: Buffer; lt: Buffer; keyEncoding: 'buffer' }): Rows<[Buffer, string]>
  close(): Promise<void>
}

export type Operation =
  | { readonly type: 'put'; readonly key: string; readonly value: string }
  | { readonly type: 'del'; readonly key: string }

/** What was there when the iterator was made. */
export interface Rows<Row> {
  /** The next ones, `size` at most; none: there are no more. */
  nextv(size: number): Promise<Row[]>
  close(): Promise<void>
}
