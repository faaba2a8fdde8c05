import autocannon from 'autocannon'

/** What to ask of a server. */
export interface Load {
  readonly url: string
  /** Default `GET`. */
  readonly method?: 'GET' | 'POST'
  readonly headers?: Record<string, string>
  readonly body?: string
  readonly requests: number
  readonly connections: number
}

/** How many requests were answered with 2xx. */
export type Loaded = number

process.on('message', ({ requests, ...load }: Load) => {
  autocannon({ ...load, amount: requests }, (_error, result) => {
    const answered: Loaded = result?.['2xx'] ?? 0
    process.send?.(answered)
  })
})
process.on('disconnect', () => process.exit())
