/** A count that the environment may set, such as `FAULTS_KILLS=20`. @throws {TypeError} when it is no whole number. */
export function countOf(variable: string, standard: number): number {
  const text = process.env[variable]
  if (text === undefined || text === '') return standard
  if (!/^\d{1,9}$/.test(text)) throw new TypeError(`${variable} must be a whole number`)
  return Number(text)
}

/** One line of what a campaign did and saw. */
export function report(campaign: string, figures: Readonly<Record<string, number | string>>): void {
  const parts = Object.entries(figures).map(([name, figure]) => `${name} ${figure}`)
  process.stdout.write(`${campaign}: ${parts.join(', ')}\n`)
}
