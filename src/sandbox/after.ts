/** Calls `work` once, `ms` from now, and returns a function that calls it off. */
export type After = (ms: number, work: () => void) => () => void

export const afterReally: After = (ms, work) => {
  const timer = setTimeout(work, ms)
  return () => clearTimeout(timer)
}
