/** An observer that fails must not turn what it observes into a failure: it is told as a warning of the process. */
export function shielded<T>(observe: (observed: T) => void): (observed: T) => void {
  return (observed) => {
    try {
      observe(observed)
    } catch (error) {
      process.emitWarning(error instanceof Error ? error : String(error))
    }
  }
}
