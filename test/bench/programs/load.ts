import autocannon from 'autocannon'

/** What to ask of a server. */
export interface Load {
  readonly url: string
  readonly headers: Record<string, string>
  readonly requests: number
  readonly connections: number
}

/** How many requests were answered with 2xx. */
export type Loaded = number

process.on('message', ({ url, headers, requests, connections }: Load) => {
  autocannon({ url, headers, amount: requests, connections }, (_error, result) => {
    const answered: Loaded = result?.['2xx'] ?? 0
    process.send?.(answered)
  })
})
process.on('disconnect', () => process.exit())
