/** Under which name something that cannot be understood is kept. `now` in ms since the epoch. */
export function brokenName(name: string, now: number): string {
  return `${name}.broken-${new Date(now).toISOString().replaceAll(/[:.]/g, '-')}`
}
