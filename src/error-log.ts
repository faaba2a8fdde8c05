/** What of a log is needed by those who only tell of failures. */
export interface ErrorLog {
  error(about: object, message: string): void
}
